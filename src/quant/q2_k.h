// Q2_K: 256 weights of 2 bits, 2.625 bits a weight. Group j of 16 has a scale and a min of 4 bits each.
// w = d * scale[j] * code - dmin * min[j]
//
//   byte   0 ... 15              | 16 ... 79                                       | 80 81 | 82 83
//          low half: scale[j]    | byte i of the first 32: bits 0..1, 2..3, 4..5,  | d     | dmin
//          high half: min[j]     | 6..7 are codes i, 32 + i, 64 + i, 96 + i; the   | (f16) | (f16)
//                                | second 32 bytes hold codes 128 ... 255 likewise |
#pragma once

#include "quant/block_format.h"

namespace skald::quant {

struct Q2KBlock {
  static constexpr std::size_t kWeights = 256;
  static constexpr int kZero = 0;
  std::array<std::uint8_t, kWeights / kGroup> scales;
  std::array<std::uint8_t, kWeights / 4> codes;
  std::uint16_t d;
  std::uint16_t dmin;
};
static_assert(sizeof(Q2KBlock) == 84 && offsetof(Q2KBlock, codes) == 16);
static_assert(offsetof(Q2KBlock, d) == 80 && offsetof(Q2KBlock, dmin) == 82);

void take_apart(const Q2KBlock& block, BlockParts& parts);

}  // namespace skald::quant
