// Q5_0: 32 weights of 5 bits, 5.5 bits a weight.  w = d * (code - 16)
//
//   byte   0  1 | 2  3  4  5     | 6     7     ...  21
//          d    | bit i: bit 4   | low halves:  bits 0..3 of codes 0, 1, ..., 15
//         (f16) | of code i      | high halves: of codes 16, 17, ..., 31
#pragma once

#include "quant/block_format.h"

namespace skald::quant {

struct Q5_0Block {
  static constexpr std::size_t kWeights = 32;
  static constexpr int kZero = 16;
  std::uint16_t d;
  std::array<std::uint8_t, kWeights / 8> high;
  std::array<std::uint8_t, kWeights / 2> low;
};
static_assert(sizeof(Q5_0Block) == 22 && offsetof(Q5_0Block, high) == 2 && offsetof(Q5_0Block, low) == 6);

void take_apart(const Q5_0Block& block, BlockParts& parts);
/// x [32]: the weight with the largest magnitude is -16 d.
void pack(const float* x, Q5_0Block& block);

}  // namespace skald::quant
