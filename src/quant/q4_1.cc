#include "quant/q4_1.h"

#include "quant/nibbles.h"
#include "quant/rounding.h"

namespace skald::quant {

void take_apart(const Q4_1Block& block, BlockParts& parts) {
  split_nibbles(block.codes.data(), block.codes.size(), parts.codes.data());
  set_scale_and_start(block.d, block.m, parts);
}

void pack(const float* x, Q4_1Block& block) {
  const RoundedBlock rounded = round_range(x, 15);
  block.d = rounded.d;
  block.m = rounded.min;
  join_nibbles(rounded.codes.data(), block.codes.size(), block.codes.data());
}

}  // namespace skald::quant
