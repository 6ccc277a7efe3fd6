// int4: 64 weights of 4 bits, 4.5 bits a weight. Eight neighbours choose the one of four tables of levels that suits
// them best: wide ones for groups with large weights, narrow ones for the others.
//
//   w = d * kLevels[16 * table + code]
//
//   byte   0  1 | 2  3                           | 4     5     ...  35
//          d    | tables, 2 bits each:           | low halves:  codes 0, 1, ..., 31
//         (f16) | weights 0-7 in the lowest bits | high halves: codes 32, 33, ..., 63
//
// The tables were fitted to blocks of normal, Student (5 degrees) and Laplace numbers, scaled by their largest one.
#pragma once

#include "quant/block_format.h"

namespace skald::quant {

struct Int4Block {
  static constexpr std::size_t kWeights = 64;
  static constexpr std::size_t kChoosers = 8;  // weights that choose together
  static constexpr std::array<std::int8_t, 64> kLevels = {
      -127, -97, -76, -59, -45, -32, -21, -9, 2, 13, 23, 35, 48, 64, 81, 103,  //
      -111, -78, -63, -49, -37, -27, -17, -7, 2, 10, 19, 29, 39, 51, 66, 91,   //
      -87,  -63, -53, -41, -31, -22, -14, -6, 1, 8,  16, 24, 32, 42, 54, 73,   //
      -70,  -53, -42, -34, -25, -18, -11, -4, 1, 6,  12, 19, 27, 36, 46, 59};
  std::uint16_t d;  // of either sign: it turns the tables around
  std::uint16_t tables;
  std::array<std::uint8_t, kWeights / 2> codes;
};
static_assert(sizeof(Int4Block) == 36 && offsetof(Int4Block, tables) == 2 && offsetof(Int4Block, codes) == 4);

/// parts.codes: 16 * table + code.
void take_apart(const Int4Block& block, BlockParts& parts);
/// x [64]: of several d, refined by least squares, the one that leaves the least squared error.
void pack(const float* x, Int4Block& block);

}  // namespace skald::quant
