#include "quant/q5_1.h"

#include "quant/nibbles.h"
#include "quant/rounding.h"

namespace skald::quant {

void take_apart(const Q5_1Block& block, BlockParts& parts) {
  split_nibbles(block.low.data(), block.low.size(), parts.codes.data());
  add_fifth_bits(block.high.data(), Q5_1Block::kWeights, parts.codes.data());
  set_scale_and_start(block.d, block.m, parts);
}

void pack(const float* x, Q5_1Block& block) {
  const RoundedBlock rounded = round_range(x, 31);
  block.d = rounded.d;
  block.m = rounded.min;
  take_fifth_bits(rounded.codes.data(), Q5_1Block::kWeights, block.high.data());
  join_nibbles(rounded.codes.data(), block.low.size(), block.low.data());
}

}  // namespace skald::quant
