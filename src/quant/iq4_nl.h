// IQ4_NL: 32 weights of 4 bits whose levels lie closer around 0, 4.5 bits a weight.  w = d * level(code)
//
//   code      0     1    2    3    4    5    6    7  8   9  10  11  12  13  14   15
//   level  -127  -104  -83  -65  -49  -35  -22  -10  1  13  25  38  53  69  89  113
//
//   byte   0  1 | 2     3     ...  17
//          d    | low halves:  codes 0, 1, ..., 15
//         (f16) | high halves: codes 16, 17, ..., 31
#pragma once

#include "quant/block_format.h"

namespace skald::quant {

struct Iq4NlBlock {
  static constexpr std::size_t kWeights = 32;
  static constexpr std::array<std::int8_t, 16> kLevels = {-127, -104, -83, -65, -49, -35, -22, -10,
                                                          1,    13,   25,  38,  53,  69,  89,  113};
  std::uint16_t d;
  std::array<std::uint8_t, kWeights / 2> codes;
};
static_assert(sizeof(Iq4NlBlock) == 18 && offsetof(Iq4NlBlock, codes) == 2);

void take_apart(const Iq4NlBlock& block, BlockParts& parts);

}  // namespace skald::quant
