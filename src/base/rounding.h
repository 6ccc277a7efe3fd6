// Rounding to integers without a call: the instruction for it is younger than what Skald is built for.
#pragma once

#include <bit>
#include <cstdint>

namespace skald {

constexpr float kRoundingMagic = 0x1.8p23F;  // from here on floats are integers, and their low bits count

/// The integer nearest to x, of two the even one; |x| < 2^22.
constexpr float nearest_integer(float x) { return x + kRoundingMagic - kRoundingMagic; }

/// The same as an int. Any x may be given, even NaN: beyond 2^22 the result is some int.
constexpr int nearest_int(float x) {
  return static_cast<int>(std::bit_cast<std::uint32_t>(x + kRoundingMagic) -
                          std::bit_cast<std::uint32_t>(kRoundingMagic));
}

}  // namespace skald
