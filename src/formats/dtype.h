// The element types that a stored tensor may have, under their safetensors names.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace skald {

enum class DType : std::uint8_t {
  f64,
  f32,
  f16,
  bf16,
  f8_e4m3,      // 1-4-3 bits, bias 7, no infinity, NaN = S.1111.111 (torch.float8_e4m3fn)
  f8_e5m2,      // 1-5-2 bits, bias 15, IEEE (torch.float8_e5m2)
  f8_e4m3fnuz,  // bias 8, no infinity, no -0: its bits are the NaN
  f8_e5m2fnuz,  // bias 16, no infinity, no -0: its bits are the NaN
  f8_e8m0,      // a power of two, bias 127, 0xff = NaN (the scales of the MX formats)
  f6_e2m3,      // the 6- and 4-bit types are packed without gaps
  f6_e3m2,
  f4,   // E2M1
  c64,  // two f32
  i64,
  i32,
  i16,
  i8,
  u64,
  u32,
  u16,
  u8,
  boolean,
};

/// "BF16". Never fails.
std::string_view dtype_name(DType dtype);

/// The type called `name` in a safetensors header; nothing for an unknown one.
std::optional<DType> parse_dtype(std::string_view name);

/// All names, "F64, F32, ...": for messages.
std::string dtype_names();

/// Bits of one element: 4 to 64.
int dtype_bits(DType dtype);

/// Whether convert_to_float() reads it: every floating type of 8 bits and more.
bool converts_to_float(DType dtype);

/// Elements of `stored` (little-endian, any alignment) as f32: exact, except that F64 rounds to nearest even. `stored`
/// holds out.size() elements of a type for which converts_to_float() holds; UsageError otherwise.
void convert_to_float(DType dtype, std::span<const std::byte> stored, std::span<float> out);

}  // namespace skald
