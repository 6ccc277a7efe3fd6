// Q5_1: 32 weights of 5 bits, 6 bits a weight.  w = d * code + m
//
//   byte   0  1 | 2  3 | 4  5  6  7     | 8     9     ...  23
//          d    | m    | bit i: bit 4   | low halves:  bits 0..3 of codes 0, 1, ..., 15
//         (f16)  (f16) | of code i      | high halves: of codes 16, 17, ..., 31
#pragma once

#include "quant/block_format.h"

namespace skald::quant {

struct Q5_1Block {
  static constexpr std::size_t kWeights = 32;
  static constexpr int kZero = 0;
  std::uint16_t d;
  std::uint16_t m;
  std::array<std::uint8_t, kWeights / 8> high;
  std::array<std::uint8_t, kWeights / 2> low;
};
static_assert(sizeof(Q5_1Block) == 24 && offsetof(Q5_1Block, m) == 2);
static_assert(offsetof(Q5_1Block, high) == 4 && offsetof(Q5_1Block, low) == 8);

/// dmin is m, mins are -1.
void take_apart(const Q5_1Block& block, BlockParts& parts);
/// x [32]: the smallest is code 0, the largest 31.
void pack(const float* x, Q5_1Block& block);

}  // namespace skald::quant
