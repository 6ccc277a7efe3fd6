// IQ2_XXS, IQ2_XS and IQ2_S: 256 weights, 8 of which share a row of a grid; 2.0625, 2.3125 and 2.5625 bits a weight.
// w = d * (scale + 0.5) / 4 * level * sign, with a scale of 4 bits for every 32 weights (XXS) or 16. Signs of 8 weights
// are a byte, bit i that of weight i, or 7 bits: bit 7 then makes the number of negative ones even.
//
//   IQ2_XXS  byte  0  1 | 2 + 8 j ... 9 + 8 j, j = 0..7: 32 weights
//                  d    | 4 bytes: rows of the grid; u32: 4 signs of 7 bits, then the scale
//   IQ2_XS   byte  0  1 | 2 ... 65                                             | 66 ... 73
//                  d    | u16 of 8 weights: 9 bits row, 7 bits sign            | scales, the low half first
//   IQ2_S    byte  0  1 | 2 ... 33         | 34 ... 65          | 66 ... 73    | 74 ... 81
//                  d    | bits 0..7 of the | sign byte of each  | bits 8..9 of | scales, the low
//                       | rows             | 8 weights          | 4 rows each  | half first
#pragma once

#include "quant/block_format.h"

namespace skald::quant {

struct Iq2XxsBlock {
  static constexpr std::size_t kWeights = 256;
  std::uint16_t d;
  std::array<std::uint16_t, kWeights / 8> groups;  // 4 each
};
static_assert(sizeof(Iq2XxsBlock) == 66 && offsetof(Iq2XxsBlock, groups) == 2);

struct Iq2XsBlock {
  static constexpr std::size_t kWeights = 256;
  std::uint16_t d;
  std::array<std::uint16_t, kWeights / 8> codes;
  std::array<std::uint8_t, kWeights / 32> scales;
};
static_assert(sizeof(Iq2XsBlock) == 74 && offsetof(Iq2XsBlock, codes) == 2 && offsetof(Iq2XsBlock, scales) == 66);

struct Iq2SBlock {
  static constexpr std::size_t kWeights = 256;
  std::uint16_t d;
  std::array<std::uint8_t, kWeights / 8> rows;
  std::array<std::uint8_t, kWeights / 8> signs;
  std::array<std::uint8_t, kWeights / 32> high;
  std::array<std::uint8_t, kWeights / 32> scales;
};
static_assert(sizeof(Iq2SBlock) == 82 && offsetof(Iq2SBlock, rows) == 2 && offsetof(Iq2SBlock, signs) == 34);
static_assert(offsetof(Iq2SBlock, high) == 66 && offsetof(Iq2SBlock, scales) == 74);

void unpack(const Iq2XxsBlock& block, float* out);
void unpack(const Iq2XsBlock& block, float* out);
void unpack(const Iq2SBlock& block, float* out);

}  // namespace skald::quant
