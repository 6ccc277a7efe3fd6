#include "quant/mxfp4.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace skald::quant {
namespace {

constexpr std::size_t kCodes = 8;
constexpr std::array<float, kCodes> kMagnitudes = {0, 0.5F, 1, 1.5F, 2, 3, 4, 6};
constexpr std::uint8_t kSign = 8;
constexpr int kBias = 127;
constexpr std::uint8_t kNan = 255;
constexpr int kLargestExponent = 2;  // of 6 = 1.5 * 2^2

float value_of(unsigned code) {
  const float magnitude = kMagnitudes[code % kCodes];
  return code < kSign ? magnitude : -magnitude;
}

// The code of the nearest magnitude, of two that are as near the even one.
std::uint8_t nearest(float magnitude) {
  for (std::uint8_t code = 0; code + 1U < kCodes; ++code) {
    const float middle = (kMagnitudes[code] + kMagnitudes[code + 1U]) / 2;
    if (magnitude < middle || (magnitude == middle && code % 2 == 0)) return code;
  }
  return kCodes - 1;
}

}  // namespace

void unpack_mxfp4(const Mxfp4Block& block, std::uint8_t scale, float* out) {
  const float factor = scale == kNan ? std::numeric_limits<float>::quiet_NaN() : std::ldexp(1.0F, scale - kBias);
  for (std::size_t i = 0; i < block.codes.size(); ++i) {
    out[2 * i] = value_of(block.codes[i] & 15U) * factor;
    out[2 * i + 1] = value_of(block.codes[i] >> 4U) * factor;
  }
}

std::uint8_t pack_mxfp4(const float* x, Mxfp4Block& block) {
  float largest = 0;
  for (std::size_t i = 0; i < Mxfp4Block::kNumbers; ++i) largest = std::max(largest, std::abs(x[i]));
  const int exponent = largest == 0 ? -kBias : std::ilogb(largest) - kLargestExponent;
  const int scale = std::clamp(exponent + kBias, 0, kNan - 1);
  const auto code = [&](float value) {
    const unsigned magnitude = nearest(std::ldexp(std::abs(value), kBias - scale));
    return std::signbit(value) ? magnitude | kSign : magnitude;
  };
  for (std::size_t i = 0; i < block.codes.size(); ++i) {
    block.codes[i] = static_cast<std::uint8_t>(code(x[2 * i]) | code(x[2 * i + 1]) << 4U);
  }
  return static_cast<std::uint8_t>(scale);
}

}  // namespace skald::quant
