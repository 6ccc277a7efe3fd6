// MXFP4 as ggml stores it: 32 weights of 4 bits and their scale in one block, 4.25 bits a weight. The numbers are those
// of mxfp4.h; ggml counts in halves of them, so its levels are twice the E2M1 numbers and its scale is half of E8M0's.
// w = 2^(e - 128) * level(code); e = 255 is no NaN here.
//
//   code    0  1  2  3  4  5  6   7  8   9  10  11  12  13  14   15
//   level   0  1  2  3  4  6  8  12  0  -1  -2  -3  -4  -6  -8  -12
//
//   byte   0 | 1     2     ...  16
//          e | low halves:  codes 0, 1, ..., 15
//            | high halves: codes 16, 17, ..., 31
#pragma once

#include "quant/block_format.h"

namespace skald::quant {

struct Mxfp4GgmlBlock {
  static constexpr std::size_t kWeights = 32;
  static constexpr std::array<std::int8_t, 16> kLevels = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};
  static constexpr bool kE8m0 = true;
  std::uint8_t e;
  std::array<std::uint8_t, kWeights / 2> codes;
};
static_assert(sizeof(Mxfp4GgmlBlock) == 17 && offsetof(Mxfp4GgmlBlock, codes) == 1);

/// d is e.
void take_apart(const Mxfp4GgmlBlock& block, BlockParts& parts);
/// x [32]: the nearest levels, of two that are as near the one with the lower code; the largest magnitude is scaled
/// into [4, 8) and saturates at 6.
void pack(const float* x, Mxfp4GgmlBlock& block);

}  // namespace skald::quant
