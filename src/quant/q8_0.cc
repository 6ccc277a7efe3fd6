#include "quant/q8_0.h"

#include <algorithm>
#include <cmath>

#include "base/float16.h"

namespace skald::quant {

void take_apart(const Q8_0Block& block, BlockParts& parts) {
  for (std::size_t i = 0; i < block.q.size(); ++i) {
    parts.codes[i] = static_cast<std::uint8_t>(block.q[i] + Q8_0Block::kZero);
  }
  set_scale(block.d, parts);
}

void pack(const float* x, Q8_0Block& block) {
  constexpr float kMost = 127;
  float largest = 0;
  for (std::size_t i = 0; i < Q8_0Block::kWeights; ++i) largest = std::max(largest, std::abs(x[i]));
  const float d = largest / kMost;
  const float factor = d == 0 ? 0.0F : 1.0F / d;
  block.d = to_float16(d).bits;
  for (std::size_t i = 0; i < Q8_0Block::kWeights; ++i) {
    block.q[i] = static_cast<std::int8_t>(std::clamp(std::round(x[i] * factor), -kMost, kMost));
  }
}

}  // namespace skald::quant
