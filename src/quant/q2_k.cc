#include "quant/q2_k.h"

#include "quant/nibbles.h"

namespace skald::quant {

void take_apart(const Q2KBlock& block, BlockParts& parts) {
  split_pairs(block.codes.data(), block.codes.size(), parts.codes.data());
  for (std::size_t j = 0; j < block.scales.size(); ++j) {
    parts.scales[j] = block.scales[j] & 15U;
    parts.mins[j] = block.scales[j] >> 4U;
  }
  parts.d = block.d;
  parts.dmin = block.dmin;
}

}  // namespace skald::quant
