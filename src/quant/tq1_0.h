// TQ1_0: 256 weights that are -1, 0 or 1, five to a byte, 1.6875 bits a weight.  w = d * (code - 1)
//
// A byte holds its codes as the digits of a fraction in base 3: byte / 256 = 0.c0 c1 c2 c3 c4, rounded up, so that code
// p is the integer part of 3 * frac(byte / 256 * 3^p).
//
//   byte   0 ... 31            | 32 ... 47             | 48 ... 51             | 52 53
//          digit p of byte i:  | digit p of byte 32+i: | digit p of byte 48+i: | d
//          code 32 p + i       | code 160 + 16 p + i   | code 240 + 4 p + i,   | (f16)
//                              |                       | p < 4                 |
#pragma once

#include "quant/block_format.h"

namespace skald::quant {

struct Tq1_0Block {
  static constexpr std::size_t kWeights = 256;
  static constexpr int kZero = 1;
  std::array<std::uint8_t, 48> fives;
  std::array<std::uint8_t, 4> fours;
  std::uint16_t d;
};
static_assert(sizeof(Tq1_0Block) == 54 && offsetof(Tq1_0Block, fours) == 48 && offsetof(Tq1_0Block, d) == 52);

void take_apart(const Tq1_0Block& block, BlockParts& parts);

}  // namespace skald::quant
