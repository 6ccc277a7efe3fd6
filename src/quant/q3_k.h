// Q3_K: 256 weights of 3 bits, 3.4375 bits a weight. Group j of 16 has a scale of 6 bits.
// w = d * (scale[j] - 32) * (code - 4)
//
//   byte   0 ... 31            | 32 ... 95                   | 96 ... 107       | 108 109
//          byte i: bit b is    | bits 0..1 of the codes, as  | scales, as below | d
//          bit 2 of code       | the codes of Q2_K           |                  | (f16)
//          32 b + i            |
//
//   scales: the halves of bytes 0..7 are bits 0..3 of scale[0..7] (low) and scale[8..15] (high);
//           bits 2p, 2p+1 of byte 8 + i are bits 4, 5 of scale[4 p + i]
#pragma once

#include "quant/block_format.h"

namespace skald::quant {

struct Q3KBlock {
  static constexpr std::size_t kWeights = 256;
  static constexpr int kZero = 4;
  std::array<std::uint8_t, kWeights / 8> high;
  std::array<std::uint8_t, kWeights / 4> low;
  std::array<std::uint8_t, 12> scales;
  std::uint16_t d;
};
static_assert(sizeof(Q3KBlock) == 110 && offsetof(Q3KBlock, low) == 32);
static_assert(offsetof(Q3KBlock, scales) == 96 && offsetof(Q3KBlock, d) == 108);

void take_apart(const Q3KBlock& block, BlockParts& parts);

}  // namespace skald::quant
