// Signs of the IQ formats.
#pragma once

#include <bit>
#include <cstdint>

namespace skald::quant {

/// The sign byte of 8 weights of which 7 bits are stored: the number of negative ones is even.
inline unsigned whole_signs(unsigned seven) { return seven | (static_cast<unsigned>(std::popcount(seven)) & 1U) << 7U; }

/// 1 or -1.
inline float sign_of(unsigned signs, unsigned weight) { return (signs >> weight & 1U) != 0 ? -1.0F : 1.0F; }

}  // namespace skald::quant
