// int4: 64 weights of 4 bits, 4.25 bits a weight.  w = d * kInt4Levels[code]
//
//   byte   0  1 | 2     3     ...  33
//          d    | low halves:  codes 0, 1, ..., 31
//         (f16) | high halves: codes 32, 33, ..., 63
#pragma once

#include "quant/block_format.h"

namespace skald::quant {

/// Closer together where weights are more frequent.
inline constexpr std::array<std::int8_t, 16> kInt4Levels = {-127, -104, -83, -65, -49, -35, -22, -10,
                                                            1,    13,   25,  38,  53,  69,  89,  113};

struct Int4Block {
  static constexpr std::size_t kWeights = 64;
  std::uint16_t d;  // of either sign
  std::array<std::uint8_t, kWeights / 2> codes;
};
static_assert(sizeof(Int4Block) == 34 && offsetof(Int4Block, codes) == 2);

extern const BlockFormat kInt4Format;

}  // namespace skald::quant
