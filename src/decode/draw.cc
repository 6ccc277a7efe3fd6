#include "decode/draw.h"

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>

namespace skald::decode {

TokenId draw(const Candidates& candidates, const DrawKey& key) {
  const float max = candidates.max();
  if (!(max > -std::numeric_limits<float>::infinity())) return -1;
  if (std::isinf(max)) return candidates.argmax();
  constexpr std::int64_t kPortion = 256;
  std::array<float, kPortion>
      variates;  // of the tokens [first, first + kPortion): one block of random bits serves four
  std::int64_t first = -kPortion;
  TokenId best = -1;
  double best_score = -1;
  const auto race = [&](TokenId token, float logit, float variate) {
    const double score = std::exp(static_cast<double>(logit) - max) / variate;
    if (score > best_score || (score == best_score && token < best)) {
      best = token;
      best_score = score;
    }
  };
  candidates.for_each([&](TokenId token, float logit) {
    if (!candidates.dense()) return race(token, logit, exponential(key, static_cast<std::uint32_t>(token)));
    if (token >= first + kPortion) {
      first = token;
      exponentials(key, static_cast<std::uint32_t>(first), variates);
    }
    race(token, logit, variates[static_cast<std::size_t>(token - first)]);
  });
  return best;
}

bool usable(std::span<const float> logits) {
  constexpr std::uint32_t kPlusInfinity = 0x7f800000, kMinusInfinity = 0xff800000;
  std::uint32_t bad = 0, any = 0;  // no early way out: this is vector code
  for (const float logit : logits) {
    const auto bits = std::bit_cast<std::uint32_t>(logit);
    bad |= static_cast<std::uint32_t>((bits & 0x7fffffff) >= kPlusInfinity) &
           static_cast<std::uint32_t>(bits != kMinusInfinity);
    any |= static_cast<std::uint32_t>(bits != kMinusInfinity);
  }
  return bad == 0 && any != 0;
}

}  // namespace skald::decode
