#include "quant/iq4_nl.h"

#include "quant/nibbles.h"

namespace skald::quant {

void take_apart(const Iq4NlBlock& block, BlockParts& parts) {
  split_nibbles(block.codes.data(), block.codes.size(), parts.codes.data());
  set_scale(block.d, parts);
}

}  // namespace skald::quant
