#include "decode/draw.h"

#include <bit>
#include <cmath>
#include <cstdint>

namespace skald::decode {

TokenId draw(const Candidates& candidates, const DrawKey& key) {
  const float max = candidates.max();
  if (!(max > -std::numeric_limits<float>::infinity())) return -1;
  if (std::isinf(max)) return candidates.argmax();
  TokenId best = -1;
  double best_score = -1;
  for_each_variate(candidates, key, [&](TokenId token, float logit, float variate) {
    const double score = std::exp(static_cast<double>(logit) - max) / variate;
    if (score > best_score || (score == best_score && token < best)) {
      best = token;
      best_score = score;
    }
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
