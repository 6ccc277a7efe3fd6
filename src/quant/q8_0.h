// Q8_0: 32 weights of 8 bits, 8.5 bits a weight.  w = d * q
//
//   byte   0  1 | 2  3  ...  33
//          d    | q[0], q[1], ..., q[31], signed
//         (f16)
#pragma once

#include "quant/block_format.h"

namespace skald::quant {

struct Q8_0Block {
  static constexpr std::size_t kWeights = 32;
  static constexpr int kZero = 128;
  std::uint16_t d;
  std::array<std::int8_t, kWeights> q;
};
static_assert(sizeof(Q8_0Block) == 34 && offsetof(Q8_0Block, q) == 2);

/// Codes are q + 128.
void take_apart(const Q8_0Block& block, BlockParts& parts);
/// x [32]: the weight with the largest magnitude is 127 d or -127 d, the others are the nearest, halves away from 0.
void pack(const float* x, Q8_0Block& block);

}  // namespace skald::quant
