// Q4_1: 32 weights of 4 bits, 5 bits a weight.  w = d * code + m
//
//   byte   0  1 | 2  3 | 4     5     ...  19
//          d    | m    | low halves:  codes 0, 1, ..., 15
//         (f16)  (f16) | high halves: codes 16, 17, ..., 31
#pragma once

#include "quant/block_format.h"

namespace skald::quant {

struct Q4_1Block {
  static constexpr std::size_t kWeights = 32;
  static constexpr int kZero = 0;
  std::uint16_t d;
  std::uint16_t m;
  std::array<std::uint8_t, kWeights / 2> codes;
};
static_assert(sizeof(Q4_1Block) == 20 && offsetof(Q4_1Block, m) == 2 && offsetof(Q4_1Block, codes) == 4);

/// dmin is m, mins are -1.
void take_apart(const Q4_1Block& block, BlockParts& parts);
/// x [32]: the smallest is code 0, the largest 15.
void pack(const float* x, Q4_1Block& block);

}  // namespace skald::quant
