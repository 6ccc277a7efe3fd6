#include "formats/dtype.h"

#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/float16.h"
#include "skald/error.h"

namespace skald {
namespace {

struct DTypeRow {
  std::string_view name;
  int bits;
};

// In the order of the enum.
constexpr std::array<DTypeRow, 22> kDTypes = {{
    {"F64", 64},        {"F32", 32},        {"F16", 16},    {"BF16", 16},   {"F8_E4M3", 8}, {"F8_E5M2", 8},
    {"F8_E4M3FNUZ", 8}, {"F8_E5M2FNUZ", 8}, {"F8_E8M0", 8}, {"F6_E2M3", 6}, {"F6_E3M2", 6}, {"F4", 4},
    {"C64", 64},        {"I64", 64},        {"I32", 32},    {"I16", 16},    {"I8", 8},      {"U64", 64},
    {"U32", 32},        {"U16", 16},        {"U8", 8},      {"BOOL", 8},
}};
static_assert(kDTypes.size() == static_cast<std::size_t>(DType::boolean) + 1);

const DTypeRow& row(DType dtype) { return kDTypes[static_cast<std::size_t>(dtype)]; }

// An 8-bit float of sign, exponent and mantissa; what the special codes mean is the caller's.
template <int MantissaBits, int Bias>
float decode_float8(std::uint8_t bits) {
  constexpr int kImplicit = 1 << MantissaBits;
  const int magnitude = bits & 0x7f;
  const int mantissa = magnitude % kImplicit;
  const int exponent = magnitude / kImplicit;
  const float value = exponent == 0
                          ? std::ldexp(static_cast<float>(mantissa), 1 - Bias - MantissaBits)
                          : std::ldexp(static_cast<float>(kImplicit + mantissa), exponent - Bias - MantissaBits);
  return (bits & 0x80) != 0 ? -value : value;
}

float decode_byte(DType dtype, std::uint8_t bits) {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const int magnitude = bits & 0x7f;
  switch (dtype) {
    case DType::f8_e4m3: return magnitude == 0x7f ? kNan : decode_float8<3, 7>(bits);
    case DType::f8_e5m2:
      if (magnitude > 0x7c) return kNan;
      if (magnitude == 0x7c) return (bits & 0x80) != 0 ? -kInfinity : kInfinity;
      return decode_float8<2, 15>(bits);
    case DType::f8_e4m3fnuz: return bits == 0x80 ? kNan : decode_float8<3, 8>(bits);
    case DType::f8_e5m2fnuz: return bits == 0x80 ? kNan : decode_float8<2, 16>(bits);
    default: return bits == 0xff ? kNan : std::ldexp(1.0F, bits - 127);  // f8_e8m0
  }
}

template <typename T>
T load(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof(T));
  return value;
}

template <typename T, typename Convert>
void convert_each(std::span<const std::byte> stored, std::span<float> out, Convert convert) {
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = convert(load<T>(stored.data() + i * sizeof(T)));
}

void convert_bytes(DType dtype, std::span<const std::byte> stored, std::span<float> out) {
  std::array<float, 256> table{};
  for (std::size_t bits = 0; bits < table.size(); ++bits) {
    table[bits] = decode_byte(dtype, static_cast<std::uint8_t>(bits));
  }
  convert_each<std::uint8_t>(stored, out, [&](std::uint8_t bits) { return table[bits]; });
}

}  // namespace

std::string_view dtype_name(DType dtype) { return row(dtype).name; }

std::optional<DType> parse_dtype(std::string_view name) {
  for (std::size_t i = 0; i < kDTypes.size(); ++i) {
    if (kDTypes[i].name == name) return static_cast<DType>(i);
  }
  return std::nullopt;
}

std::string dtype_names() {
  std::string names;
  for (const DTypeRow& r : kDTypes) {
    if (!names.empty()) names += ", ";
    names += r.name;
  }
  return names;
}

int dtype_bits(DType dtype) { return row(dtype).bits; }

bool converts_to_float(DType dtype) { return dtype <= DType::f8_e8m0; }

void convert_to_float(DType dtype, std::span<const std::byte> stored, std::span<float> out) {
  if (!converts_to_float(dtype) || stored.size() != out.size() * static_cast<std::size_t>(dtype_bits(dtype)) / 8) {
    throw UsageError("convert_to_float: " + std::to_string(stored.size()) + " bytes of " +
                     std::string(dtype_name(dtype)) + " are not " + std::to_string(out.size()) + " floats");
  }
  switch (dtype) {
    case DType::f64: return convert_each<double>(stored, out, [](double v) { return static_cast<float>(v); });
    case DType::f32: return convert_each<float>(stored, out, [](float v) { return v; });
    case DType::f16: return convert_each<Float16>(stored, out, [](Float16 v) { return to_float(v); });
    case DType::bf16: return convert_each<BFloat16>(stored, out, [](BFloat16 v) { return to_float(v); });
    default: return convert_bytes(dtype, stored, out);
  }
}

}  // namespace skald
