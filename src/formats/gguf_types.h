// The types of GGUF: of metadata values, and of tensors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "formats/dtype.h"

namespace skald {

/// Type of a metadata value, by its number in the file.
enum class GgufType : std::uint32_t { u8, i8, u16, i16, u32, i32, f32, boolean, string, array, u64, i64, f64 };

/// "u32". Never fails.
std::string_view gguf_type_name(GgufType type);

/// The type with number `id`; nothing for an unknown one.
std::optional<GgufType> gguf_type(std::uint32_t id);

/// Bytes of a value in the file: of a string its length's, of an array those before its items.
std::size_t gguf_min_bytes(GgufType type);

/// The items of an array: numbers as they are stored, or strings.
struct GgufArray {
  GgufType type = GgufType::u8;
  std::uint64_t count = 0;
  std::vector<std::byte> numbers = {};    // little-endian, without gaps
  std::vector<std::string> strings = {};  // where `type` is string
  friend bool operator==(const GgufArray&, const GgufArray&) = default;
};

/// Unsigned, signed and floating types each as the widest one.
using GgufValue = std::variant<std::uint64_t, std::int64_t, double, bool, std::string, GgufArray>;

/// One key of the metadata.
struct GgufEntry {
  std::string key;
  GgufType type = GgufType::u8;  // as it is stored
  GgufValue value;
};

/// How ggml stores tensors of one type: rows of blocks. https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
struct GgmlType {
  std::uint32_t id = 0;
  std::string_view name;            // "Q4_K"
  std::uint32_t block = 1;          // elements that are stored together; the length of a row is a multiple of it
  std::uint32_t block_bytes = 0;    // 0: was removed from ggml, no file has it any more
  std::optional<DType> dtype = {};  // where blocks are single numbers
};

/// The type with number `id`; nullptr for an unknown one.
const GgmlType* find_ggml_type(std::uint32_t id);

/// All that are known.
std::span<const GgmlType> ggml_types();

/// Names of the types that tensors are read of: "F32, F16, ...".
std::string readable_ggml_types();

}  // namespace skald
