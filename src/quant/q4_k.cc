#include "quant/q4_k.h"

#include "quant/nibbles.h"

namespace skald::quant {

void take_apart(const Q4KBlock& block, BlockParts& parts) {
  for (std::size_t p = 0; p < 4; ++p) split_nibbles(&block.codes[32 * p], 32, &parts.codes[64 * p]);
  block.scales.take_apart(parts);
  parts.d = block.d;
  parts.dmin = block.dmin;
}

}  // namespace skald::quant
