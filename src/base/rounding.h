// Rounding to integers without a call: the instruction for it is younger than what Skald is built for.
#pragma once

namespace skald {

/// The integer nearest to x, of two the even one; |x| < 2^22.
constexpr float nearest_integer(float x) {
  constexpr float kMagic = 0x1.8p23F;  // from here on floats are integers
  return x + kMagic - kMagic;
}

}  // namespace skald
