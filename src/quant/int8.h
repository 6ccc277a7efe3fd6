// int8: 256 weights of 8 bits, 8.06 bits a weight.  w = d * (code - 128)
//
//   byte   0  1 | 2      3     ...  257
//          d    | codes  0, 1, ..., 255
//         (f16) |
//
// So many weights to a scale since it is the scales that products on tiles spend their time with.
#pragma once

#include "quant/block_format.h"

namespace skald::quant {

struct Int8Block {
  static constexpr std::size_t kWeights = 256;
  static constexpr int kZero = 128;
  std::uint16_t d;
  std::array<std::uint8_t, kWeights> codes;  // 1 ... 255
};
static_assert(sizeof(Int8Block) == 258 && offsetof(Int8Block, codes) == 2);

void take_apart(const Int8Block& block, BlockParts& parts);
/// x [256]: the largest magnitude is 127 d.
void pack(const float* x, Int8Block& block);

}  // namespace skald::quant
