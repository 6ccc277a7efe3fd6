// IQ3_XXS and IQ3_S: 256 weights, 4 of which share a row of a grid; 3.0625 and 3.4375 bits a weight. A scale of 4 bits
// for every 32 weights; signs as in iq2.h.
//
//   IQ3_XXS  w = d * (scale + 0.5) / 2 * level * sign
//            byte  0  1 | 2 ... 65           | 66 + 4 j ... 69 + 4 j, j = 0..7
//                  d    | rows of the grid   | u32 of 32 weights: 4 signs of 7 bits, then the scale
//   IQ3_S    w = d * (2 * scale + 1) * level * sign
//            byte  0  1 | 2 ... 65          | 66 ... 73         | 74 ... 105         | 106 ... 109
//                  d    | bits 0..7 of the  | bit 8 of 8 rows   | sign byte of each  | scales, the low
//                       | rows              | each              | 8 weights          | half first
#pragma once

#include "quant/block_format.h"

namespace skald::quant {

struct Iq3XxsBlock {
  static constexpr std::size_t kWeights = 256;
  std::uint16_t d;
  std::array<std::uint8_t, kWeights / 4> rows;
  std::array<std::uint16_t, kWeights / 16> rest;  // 2 each
};
static_assert(sizeof(Iq3XxsBlock) == 98 && offsetof(Iq3XxsBlock, rows) == 2 && offsetof(Iq3XxsBlock, rest) == 66);

struct Iq3SBlock {
  static constexpr std::size_t kWeights = 256;
  std::uint16_t d;
  std::array<std::uint8_t, kWeights / 4> rows;
  std::array<std::uint8_t, kWeights / 32> high;
  std::array<std::uint8_t, kWeights / 8> signs;
  std::array<std::uint8_t, kWeights / 64> scales;
};
static_assert(sizeof(Iq3SBlock) == 110 && offsetof(Iq3SBlock, rows) == 2 && offsetof(Iq3SBlock, high) == 66);
static_assert(offsetof(Iq3SBlock, signs) == 74 && offsetof(Iq3SBlock, scales) == 106);

void unpack(const Iq3XxsBlock& block, float* out);
void unpack(const Iq3SBlock& block, float* out);

}  // namespace skald::quant
