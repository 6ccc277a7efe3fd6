// Q4_K: 256 weights of 4 bits, 4.5 bits a weight. Group j of 32 has a scale and a min of 6 bits each.
// w = d * scale[j] * code - dmin * min[j]
//
//   byte   0  1 | 2  3 | 4 ... 15      | 16 + 32 p ... 47 + 32 p, p = 0..3
//          d    | dmin | scales, mins: | low halves:  codes 64 p ... 64 p + 31
//         (f16)  (f16) | k_scales.h    | high halves: codes 64 p + 32 ... 64 p + 63
#pragma once

#include "quant/block_format.h"
#include "quant/k_scales.h"

namespace skald::quant {

struct Q4KBlock {
  static constexpr std::size_t kWeights = 256;
  static constexpr int kZero = 0;
  std::uint16_t d;
  std::uint16_t dmin;
  KScales scales;
  std::array<std::uint8_t, kWeights / 2> codes;
};
static_assert(sizeof(Q4KBlock) == 144 && offsetof(Q4KBlock, dmin) == 2);
static_assert(offsetof(Q4KBlock, scales) == 4 && offsetof(Q4KBlock, codes) == 16);

void take_apart(const Q4KBlock& block, BlockParts& parts);

}  // namespace skald::quant
