// int6: 64 weights of 6 bits, 6.25 bits a weight.  w = d * (code - 32)
//
//   byte   0  1 | 2     3     ...  33   | 34   35    ...  49
//          d    | low halves:           | bits 4 and 5 of
//         (f16) | codes 0 ... 31 low,   | codes 0 ... 15, 16 ... 31,
//               | codes 32 ... 63 high  | 32 ... 47, 48 ... 63: from the lowest pair of bits up
#pragma once

#include "quant/block_format.h"

namespace skald::quant {

struct Int6Block {
  static constexpr std::size_t kWeights = 64;
  static constexpr int kZero = 32;
  std::uint16_t d;
  std::array<std::uint8_t, kWeights / 2> low;
  std::array<std::uint8_t, kWeights / 4> high;
};
static_assert(sizeof(Int6Block) == 50 && offsetof(Int6Block, low) == 2 && offsetof(Int6Block, high) == 34);

void take_apart(const Int6Block& block, BlockParts& parts);
/// x [64]: from the number of largest magnitude at -32 d, the d that leaves the least squared error.
void pack(const float* x, Int6Block& block);

}  // namespace skald::quant
