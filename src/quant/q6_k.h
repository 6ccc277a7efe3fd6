// Q6_K: 256 weights of 6 bits, 6.5625 bits a weight. Group j of 16 has a signed scale of 8 bits.
// w = d * scale[j] * (code - 32)
//
//   byte   0 ... 127                           | 128 ... 191                      | 192 ... 207 | 208 209
//          bits 0..3 of the codes:             | bits 4..5 of the codes,          | scale[j]    | d
//          byte 64 h + i, i < 64, has those of | laid out as the codes of Q2_K    |             | (f16)
//          128 h + i (low), 128 h + 64 + i     |
//          (high)                              |
#pragma once

#include "quant/block_format.h"

namespace skald::quant {

struct Q6KBlock {
  static constexpr std::size_t kWeights = 256;
  static constexpr int kZero = 32;
  std::array<std::uint8_t, kWeights / 2> low;
  std::array<std::uint8_t, kWeights / 4> high;
  std::array<std::int8_t, kWeights / kGroup> scales;
  std::uint16_t d;
};
static_assert(sizeof(Q6KBlock) == 210 && offsetof(Q6KBlock, high) == 128);
static_assert(offsetof(Q6KBlock, scales) == 192 && offsetof(Q6KBlock, d) == 208);

void take_apart(const Q6KBlock& block, BlockParts& parts);

}  // namespace skald::quant
