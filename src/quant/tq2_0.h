// TQ2_0: 256 weights of 2 bits that are -1, 0 or 1, 2.0625 bits a weight.  w = d * (code - 1)
//
//   byte   0 ... 63                          | 64 65
//          codes, laid out as those of Q2_K  | d (f16)
#pragma once

#include "quant/block_format.h"

namespace skald::quant {

struct Tq2_0Block {
  static constexpr std::size_t kWeights = 256;
  static constexpr int kZero = 1;
  std::array<std::uint8_t, kWeights / 4> codes;
  std::uint16_t d;
};
static_assert(sizeof(Tq2_0Block) == 66 && offsetof(Tq2_0Block, d) == 64);

void take_apart(const Tq2_0Block& block, BlockParts& parts);

}  // namespace skald::quant
