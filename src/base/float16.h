// bfloat16 and IEEE half as stored bits, with the conversions that every kernel must agree with bit for bit.
#pragma once

#include <bit>
#include <cstdint>

namespace skald {

/// bfloat16: the upper half of a float.
struct BFloat16 {
  std::uint16_t bits;
};

/// IEEE 754 binary16.
struct Float16 {
  std::uint16_t bits;
};

constexpr float to_float(BFloat16 value) { return std::bit_cast<float>(static_cast<std::uint32_t>(value.bits) << 16); }

/// Rounds to nearest even; a NaN stays a (quiet) NaN.
constexpr BFloat16 to_bfloat16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7fffffffU) > 0x7f800000U) return {static_cast<std::uint16_t>(bits >> 16 | 0x40U)};
  return {static_cast<std::uint16_t>((bits + 0x7fffU + (bits >> 16 & 1U)) >> 16)};
}

// Without branches, so that loops over numbers become instructions on vectors.
constexpr float to_float(Float16 value) {
  const std::int32_t sign = static_cast<std::int32_t>(value.bits & 0x8000U) << 16;
  const std::int32_t magnitude = value.bits & 0x7fff;
  const auto subnormal = std::bit_cast<std::int32_t>(static_cast<float>(magnitude) * 0x1p-24F);  // exact
  const std::int32_t normal = (magnitude << 13) + 0x38000000;
  const std::int32_t special = (magnitude << 13) + 0x70000000;  // infinity, NaN
  const std::int32_t wide = magnitude >= 0x7c00 ? special : magnitude >= 0x400 ? normal : subnormal;
  return std::bit_cast<float>(sign | wide);
}

/// Rounds to nearest even, past the largest half to infinity; a NaN stays a (quiet) NaN.
constexpr Float16 to_float16(float value) {
  const auto bits = std::bit_cast<std::int32_t>(value);
  const std::int32_t sign = bits >> 16 & 0x8000;
  const std::int32_t magnitude = bits & 0x7fffffff;
  const std::int32_t nan = 0x7e00 | (magnitude >> 13 & 0x3ff);
  const std::int32_t normal = (magnitude - 0x38000000 + 0xfff + (magnitude >> 13 & 1)) >> 13;
  // Below the smallest normal half; the sum's last bit is a 2^-24.
  const std::int32_t subnormal = std::bit_cast<std::int32_t>(std::bit_cast<float>(magnitude) + 0.5F) - 0x3f000000;
  const std::int32_t finite = magnitude < 0x38800000 ? subnormal : normal;
  const std::int32_t past = magnitude > 0x7f800000 ? nan : 0x7c00;
  return {static_cast<std::uint16_t>(sign | (magnitude < 0x477ff000 ? finite : past))};
}

}  // namespace skald
