// Q4_0: 32 weights of 4 bits, 4.5 bits a weight.  w = d * (code - 8)
//
//   byte   0  1 | 2     3     ...  17
//          d    | low halves:  codes 0, 1, ..., 15
//         (f16) | high halves: codes 16, 17, ..., 31
#pragma once

#include "quant/block_format.h"

namespace skald::quant {

struct Q4_0Block {
  static constexpr std::size_t kWeights = 32;
  static constexpr int kZero = 8;
  std::uint16_t d;
  std::array<std::uint8_t, kWeights / 2> codes;
};
static_assert(sizeof(Q4_0Block) == 18 && offsetof(Q4_0Block, codes) == 2);

void take_apart(const Q4_0Block& block, BlockParts& parts);
/// x [32]: the weight with the largest magnitude is -8 d.
void pack(const float* x, Q4_0Block& block);

}  // namespace skald::quant
