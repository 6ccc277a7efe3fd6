// How ggml's reference rounds blocks of 32 numbers: by their largest magnitude, or by their range.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace skald::quant {

inline constexpr std::size_t kRounded = 32;

/// x[i] = d * (codes[i] - zero), about.
struct RoundedBlock {
  std::array<std::uint8_t, kRounded> codes;
  std::uint16_t d;    // bits of an f16
  std::uint16_t min;  // the same
};

/// Codes below 2 * zero for x [32]: the number with the largest magnitude, the first of several, gets code 0.
RoundedBlock round_symmetric(const float* x, int zero);

/// Codes up to `most` for x [32]: 0 is the smallest number, `min`, and `most` the largest one.
RoundedBlock round_range(const float* x, int most);

}  // namespace skald::quant
