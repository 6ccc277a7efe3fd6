#include "quant/q5_0.h"

#include "quant/nibbles.h"
#include "quant/rounding.h"

namespace skald::quant {

void take_apart(const Q5_0Block& block, BlockParts& parts) {
  split_nibbles(block.low.data(), block.low.size(), parts.codes.data());
  add_fifth_bits(block.high.data(), Q5_0Block::kWeights, parts.codes.data());
  set_scale(block.d, parts);
}

void pack(const float* x, Q5_0Block& block) {
  const RoundedBlock rounded = round_symmetric(x, Q5_0Block::kZero);
  block.d = rounded.d;
  take_fifth_bits(rounded.codes.data(), Q5_0Block::kWeights, block.high.data());
  join_nibbles(rounded.codes.data(), block.low.size(), block.low.data());
}

}  // namespace skald::quant
