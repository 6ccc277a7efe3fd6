// int4: 256 weights of 4 bits, 4.44 bits a weight. Eight neighbours choose the one of eight tables of levels that suits
// them best: wide ones for groups with large weights, narrow ones for the others.
//
//   w = d * kLevels[16 * table + code]
//
//   byte   0  1 | 2  ...  13                        | 14     15    ...  141
//          d    | tables, 3 bits each:              | low halves:  codes 0, 1, ..., 127
//         (f16) | weights 0-7 in the lowest 3 bits  | high halves: codes 128, 129, ..., 255
//
// Levels are bytes under one scale for all 256, since it is the scales that products on tiles spend their time with.
// The tables were fitted to blocks of normal, Student (5 degrees), Laplace and trained weights by Lloyd's algorithm.
#pragma once

#include "quant/block_format.h"

namespace skald::quant {

struct Int4Block {
  static constexpr std::size_t kWeights = 256;
  static constexpr std::size_t kChoosers = 8;  // weights that choose together
  static constexpr std::size_t kTables = 8;
  static constexpr std::array<std::int8_t, 16 * kTables> kLevels = {
      -127, -96, -78, -59, -45, -32, -20, -9, 2, 13, 24, 35, 48, 65, 83, 104,  //
      -109, -78, -64, -49, -37, -26, -16, -7, 2, 10, 19, 28, 39, 52, 68, 93,   //
      -87,  -65, -53, -41, -30, -21, -13, -6, 1, 8,  15, 23, 32, 43, 56, 75,   //
      -71,  -53, -42, -33, -25, -18, -11, -4, 1, 6,  12, 19, 26, 35, 46, 61,   //
      -59,  -44, -35, -27, -20, -14, -9,  -4, 1, 5,  10, 15, 22, 29, 39, 51,   //
      -48,  -36, -28, -21, -16, -11, -7,  -2, 1, 4,  8,  13, 18, 24, 32, 43,   //
      -39,  -29, -22, -17, -13, -9,  -5,  -2, 0, 3,  6,  10, 14, 19, 26, 36,   //
      -32,  -25, -19, -14, -11, -8,  -5,  -2, 0, 2,  5,  8,  11, 16, 22, 29};
  std::uint16_t d;  // of either sign: it turns the tables around
  std::array<std::uint8_t, kWeights / kChoosers * 3 / 8> tables;
  std::array<std::uint8_t, kWeights / 2> codes;
};
static_assert(sizeof(Int4Block) == 142 && offsetof(Int4Block, tables) == 2 && offsetof(Int4Block, codes) == 14);

/// parts.codes: 16 * table + code.
void take_apart(const Int4Block& block, BlockParts& parts);
/// x [256]: of several d, refined by least squares, the one that leaves the least squared error.
void pack(const float* x, Int4Block& block);

}  // namespace skald::quant
