// IQ4_XS: 256 weights of 4 bits with the levels of IQ4_NL, 4.25 bits a weight. Group j of 32 has a scale of 6 bits.
// w = d * (scale[j] - 32) * level(code)
//
//   byte   0  1 | 2  3          | 4  5  6  7           | 8 + 16 j ... 23 + 16 j
//          d    | bits 2j, 2j+1 | half j of the bytes: | low halves:  codes 0, 1, ..., 15 of group j
//         (f16) | of scale[j]:  | bits 0..3 of         | high halves: codes 16, 17, ..., 31
//               | its bits 4, 5 | scale[j]             |
#pragma once

#include "quant/block_format.h"
#include "quant/iq4_nl.h"

namespace skald::quant {

struct Iq4XsBlock {
  static constexpr std::size_t kWeights = 256;
  static constexpr std::size_t kScaled = 32;  // weights of a group
  static constexpr auto kLevels = Iq4NlBlock::kLevels;
  std::uint16_t d;
  std::uint16_t scales_high;
  std::array<std::uint8_t, kWeights / kScaled / 2> scales_low;
  std::array<std::uint8_t, kWeights / 2> codes;
};
static_assert(sizeof(Iq4XsBlock) == 136 && offsetof(Iq4XsBlock, scales_high) == 2);
static_assert(offsetof(Iq4XsBlock, scales_low) == 4 && offsetof(Iq4XsBlock, codes) == 8);

void take_apart(const Iq4XsBlock& block, BlockParts& parts);

}  // namespace skald::quant
