#include "quant/tq2_0.h"

#include "quant/nibbles.h"

namespace skald::quant {

void take_apart(const Tq2_0Block& block, BlockParts& parts) {
  split_pairs(block.codes.data(), block.codes.size(), parts.codes.data());
  set_scale(block.d, parts);
}

}  // namespace skald::quant
