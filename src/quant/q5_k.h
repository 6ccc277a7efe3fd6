// Q5_K: 256 weights of 5 bits, 5.5 bits a weight. Group j of 32 has a scale and a min of 6 bits each.
// w = d * scale[j] * code - dmin * min[j]
//
//   byte   0  1 | 2  3 | 4 ... 15      | 16 ... 47          | 48 + 32 p ... 79 + 32 p, p = 0..3
//          d    | dmin | scales, mins: | byte i: bit j is   | low halves:  bits 0..3 of codes 64 p ... 64 p + 31
//         (f16)  (f16) | k_scales.h    | bit 4 of code      | high halves: of codes 64 p + 32 ... 64 p + 63
//                      |               | 32 j + i           |
#pragma once

#include "quant/block_format.h"
#include "quant/k_scales.h"

namespace skald::quant {

struct Q5KBlock {
  static constexpr std::size_t kWeights = 256;
  static constexpr int kZero = 0;
  std::uint16_t d;
  std::uint16_t dmin;
  KScales scales;
  std::array<std::uint8_t, kWeights / 8> high;
  std::array<std::uint8_t, kWeights / 2> low;
};
static_assert(sizeof(Q5KBlock) == 176 && offsetof(Q5KBlock, dmin) == 2 && offsetof(Q5KBlock, scales) == 4);
static_assert(offsetof(Q5KBlock, high) == 16 && offsetof(Q5KBlock, low) == 48);

void take_apart(const Q5KBlock& block, BlockParts& parts);

}  // namespace skald::quant
