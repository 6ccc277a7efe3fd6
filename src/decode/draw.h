// From candidates to a token.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "base/random.h"
#include "decode/candidates.h"

namespace skald::decode {

/// Calls `visit(token, logit, exponential(key, token))` for every candidate.
template <typename Visit>
void for_each_variate(const Candidates& candidates, const DrawKey& key, Visit visit) {
  constexpr std::int64_t kPortion = 256;
  std::array<float, kPortion> variates;  // of the tokens [first, first + kPortion): a block of random bits serves four
  std::int64_t first = -kPortion;
  candidates.for_each([&](TokenId token, float logit) {
    if (!candidates.dense()) return visit(token, logit, exponential(key, static_cast<std::uint32_t>(token)));
    if (token >= first + kPortion) {
      first = token;
      exponentials(key, static_cast<std::uint32_t>(first), variates);
    }
    visit(token, logit, variates[static_cast<std::size_t>(token - first)]);
  });
}

/// The token drawn from softmax(candidates) under `key`: argmax of p_t / e_t with e_t = exponential(key, t), the lowest
/// id on ties. A function of the logits and the key alone: how the set is held does not matter. -1 where no token is
/// left.
TokenId draw(const Candidates& candidates, const DrawKey& key);

/// Whether a step can be decided from `logits`: no NaN, no +inf, and not all -inf.
bool usable(std::span<const float> logits);

}  // namespace skald::decode
