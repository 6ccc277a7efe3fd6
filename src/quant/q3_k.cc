#include "quant/q3_k.h"

#include "quant/nibbles.h"

namespace skald::quant {

void take_apart(const Q3KBlock& block, BlockParts& parts) {
  constexpr int kScaleZero = 32;
  split_pairs(block.low.data(), block.low.size(), parts.codes.data());
  for (std::size_t i = 0; i < Q3KBlock::kWeights; ++i) {
    parts.codes[i] |= static_cast<std::uint8_t>((block.high[i % 32] >> i / 32 & 1U) << 2U);
  }
  for (std::size_t j = 0; j < parts.scales.size(); ++j) {
    const unsigned low = block.scales[j % 8] >> j / 8 * 4 & 15U;
    const unsigned high = block.scales[8 + j % 4] >> j / 4 * 2 & 3U;
    parts.scales[j] = static_cast<std::int16_t>(static_cast<int>(low | high << 4U) - kScaleZero);
  }
  parts.mins.fill(0);
  parts.d = block.d;
  parts.dmin = 0;
}

}  // namespace skald::quant
