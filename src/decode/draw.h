// From candidates to a token.
#pragma once

#include <span>

#include "base/random.h"
#include "decode/candidates.h"

namespace skald::decode {

/// The token drawn from softmax(candidates) under `key`: argmax of p_t / e_t with e_t = exponential(key, t), the lowest
/// id on ties. A function of the logits and the key alone: how the set is held does not matter. -1 where no token is
/// left.
TokenId draw(const Candidates& candidates, const DrawKey& key);

/// Whether a step can be decided from `logits`: no NaN, no +inf, and not all -inf.
bool usable(std::span<const float> logits);

}  // namespace skald::decode
