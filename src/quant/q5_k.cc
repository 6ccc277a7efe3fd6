#include "quant/q5_k.h"

#include "quant/nibbles.h"

namespace skald::quant {

void take_apart(const Q5KBlock& block, BlockParts& parts) {
  for (std::size_t p = 0; p < 4; ++p) split_nibbles(&block.low[32 * p], 32, &parts.codes[64 * p]);
  for (std::size_t i = 0; i < Q5KBlock::kWeights; ++i) {
    parts.codes[i] |= static_cast<std::uint8_t>((block.high[i % 32] >> i / 32 & 1U) << 4U);
  }
  block.scales.take_apart(parts);
  parts.d = block.d;
  parts.dmin = block.dmin;
}

}  // namespace skald::quant
