// The scales and mins of Q4_K and Q5_K: 6 bits each for 8 groups of 32 weights, in 12 bytes.
//
//   byte   0 ... 3                 | 4 ... 7                 | 8 ... 11
//          bits 0..5: scale[0..3]  | bits 0..5: min[0..3]    | low half:  bits 0..3 of scale[4..7]
//          bits 6, 7: bits 4, 5    | bits 6, 7: bits 4, 5    | high half: bits 0..3 of min[4..7]
//          of scale[4..7]          | of min[4..7]            |
#pragma once

#include "quant/block_format.h"

namespace skald::quant {

struct KScales {
  static constexpr std::size_t kScaled = 32;  // weights of a group
  static constexpr std::size_t kGroups = 8;
  std::array<std::uint8_t, 12> bytes;

  [[nodiscard]] int scale(std::size_t group) const { return value(group, 0, 0); }
  [[nodiscard]] int min(std::size_t group) const { return value(group, 4, 4); }
  /// Sets all scales and mins of `parts`.
  void take_apart(BlockParts& parts) const {
    for (std::size_t j = 0; j < kGroups; ++j) {
      parts.scales[2 * j] = parts.scales[2 * j + 1] = static_cast<std::int16_t>(scale(j));
      parts.mins[2 * j] = parts.mins[2 * j + 1] = static_cast<std::int16_t>(min(j));
    }
  }

 private:
  // `first`: the byte of group 0; `shift`: the half of bytes 8 to 11 with the later groups.
  [[nodiscard]] int value(std::size_t group, std::size_t first, unsigned shift) const {
    if (group < 4) return bytes[first + group] & 63;
    return (bytes[4 + group] >> shift & 15) | bytes[first + group - 4] >> 6 << 4;
  }
};
static_assert(sizeof(KScales) == 12);

}  // namespace skald::quant
