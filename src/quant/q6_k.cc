#include "quant/q6_k.h"

#include <algorithm>

#include "quant/nibbles.h"

namespace skald::quant {

void take_apart(const Q6KBlock& block, BlockParts& parts) {
  std::array<std::uint8_t, Q6KBlock::kWeights> high;
  split_pairs(block.high.data(), block.high.size(), high.data());
  for (std::size_t h = 0; h < 2; ++h) split_nibbles(&block.low[64 * h], 64, &parts.codes[128 * h]);
  for (std::size_t i = 0; i < high.size(); ++i) parts.codes[i] |= static_cast<std::uint8_t>(high[i] << 4U);
  std::ranges::copy(block.scales, parts.scales.begin());
  parts.mins.fill(0);
  parts.d = block.d;
  parts.dmin = 0;
}

}  // namespace skald::quant
