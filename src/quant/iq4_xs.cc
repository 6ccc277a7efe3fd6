#include "quant/iq4_xs.h"

#include "quant/nibbles.h"

namespace skald::quant {

void take_apart(const Iq4XsBlock& block, BlockParts& parts) {
  constexpr int kScaleZero = 32;
  for (std::size_t j = 0; j < Iq4XsBlock::kWeights / Iq4XsBlock::kScaled; ++j) {
    split_nibbles(&block.codes[16 * j], 16, &parts.codes[32 * j]);
    const unsigned low = block.scales_low[j / 2] >> j % 2 * 4 & 15U;
    const unsigned high = static_cast<unsigned>(block.scales_high) >> 2 * j & 3U;
    const auto scale = static_cast<std::int16_t>(static_cast<int>(low | high << 4U) - kScaleZero);
    parts.scales[2 * j] = parts.scales[2 * j + 1] = scale;
  }
  parts.mins.fill(0);
  parts.d = block.d;
  parts.dmin = 0;
}

}  // namespace skald::quant
