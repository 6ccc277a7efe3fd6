#include "quant/iq4_nl.h"

#include "quant/nibbles.h"

namespace skald::quant {

void take_apart(const Iq4NlBlock& block, BlockParts& parts) {
  split_nibbles(block.codes.data(), block.codes.size(), parts.codes.data());
  parts.scales.fill(1);
  parts.mins.fill(0);
  parts.d = block.d;
  parts.dmin = 0;
}

}  // namespace skald::quant
