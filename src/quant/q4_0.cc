#include "quant/q4_0.h"

#include "quant/nibbles.h"
#include "quant/rounding.h"

namespace skald::quant {

void take_apart(const Q4_0Block& block, BlockParts& parts) {
  split_nibbles(block.codes.data(), block.codes.size(), parts.codes.data());
  set_scale(block.d, parts);
}

void pack(const float* x, Q4_0Block& block) {
  const RoundedBlock rounded = round_symmetric(x, Q4_0Block::kZero);
  block.d = rounded.d;
  join_nibbles(rounded.codes.data(), block.codes.size(), block.codes.data());
}

}  // namespace skald::quant
