// IQ1_S and IQ1_M: 256 weights, 8 of which share a row of a grid of -1, 0 and 1; 1.5625 and 1.75 bits a weight.
// w = d * (2 * scale + 1) * (level + delta), delta = 0.125 or -0.125
//
//   IQ1_S  byte  0  1 | 2 ... 33         | 34 + 2 j ... 35 + 2 j, j = 0..7
//                d    | bits 0..7 of the | u16 of 32 weights: bits 8..10 of 4 rows, 3 bits scale, bit 15: the delta
//                     | rows             | is negative
//   IQ1_M  byte  0 ... 31         | 32 ... 47                          | 48 ... 55
//                bits 0..7 of the | half a byte of 8 weights: bits     | 4 u16 of 64 weights: 4 scales of 3 bits of
//                rows             | 8..10 of the row, bit 3: the delta | 16 weights; 4 bits of d, the lowest first
//                                 | is negative                        |
#pragma once

#include "quant/block_format.h"

namespace skald::quant {

struct Iq1SBlock {
  static constexpr std::size_t kWeights = 256;
  std::uint16_t d;
  std::array<std::uint8_t, kWeights / 8> rows;
  std::array<std::uint16_t, kWeights / 32> rest;
};
static_assert(sizeof(Iq1SBlock) == 50 && offsetof(Iq1SBlock, rows) == 2 && offsetof(Iq1SBlock, rest) == 34);

struct Iq1MBlock {
  static constexpr std::size_t kWeights = 256;
  std::array<std::uint8_t, kWeights / 8> rows;
  std::array<std::uint8_t, kWeights / 16> high;
  std::array<std::uint16_t, kWeights / 64> scales;
};
static_assert(sizeof(Iq1MBlock) == 56 && offsetof(Iq1MBlock, high) == 32 && offsetof(Iq1MBlock, scales) == 48);

void unpack(const Iq1SBlock& block, float* out);
void unpack(const Iq1MBlock& block, float* out);

}  // namespace skald::quant
