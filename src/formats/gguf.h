// GGUF: metadata and tensors in one file, versions 2 and 3. https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
//
//   ["GGUF"][version: u32][n_tensors: u64][n_kv: u64]
//   n_kv x      [key: string][type: u32][value]         string: [n: u64][n bytes]; array: [type: u32][n: u64][items]
//   n_tensors x [name: string][n_dims: u32][n_dims x u64, the innermost first][type: u32][offset: u64]
//   [zeros up to a multiple of general.alignment][data: the offsets count from here, in multiples of the alignment]
//
// Little-endian. A tensor without dimensions is a scalar, one with a dimension of 0 has no bytes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "formats/gguf_types.h"
#include "formats/tensor_source.h"
#include "json/value.h"

namespace skald {

/// A GGUF file: its tensors and its metadata.
class GgufFile : public TensorSource {
 public:
  [[nodiscard]] virtual const std::string& path() const = 0;

  /// Every key, ascending.
  [[nodiscard]] virtual std::span<const GgufEntry> metadata() const = 0;

  /// The entry of `key`; nullptr where there is none.
  [[nodiscard]] const GgufEntry* find_entry(std::string_view key) const;
  /// Its text. Throws FormatError where it is none.
  [[nodiscard]] std::optional<std::string_view> get_text(std::string_view key) const;
  /// Its number, of any integer type. Throws FormatError where it is none, or not in [0, 2^63).
  [[nodiscard]] std::optional<std::int64_t> get_integer(std::string_view key) const;
  /// Its number, of any type: an integer in [-2^63, 2^63), or a double. Throws FormatError where it is none, or not
  /// finite.
  [[nodiscard]] std::optional<json::Value> get_number(std::string_view key) const;
  /// Whether it is true; nothing where there is none. Throws FormatError where it is no boolean.
  [[nodiscard]] std::optional<bool> get_bool(std::string_view key) const;
  /// Its items. nullptr where there is none; throws FormatError where it is no array.
  [[nodiscard]] const GgufArray* get_array(std::string_view key) const;

 private:
  [[noreturn]] void fail_type(const GgufEntry& entry, std::string rule) const;
};

/// Reads and checks all but the tensors' bytes. Arrays of arrays and tensors in blocks that quant/block_format.h does
/// not know are not read: UnsupportedError names what it is. Throws FormatError and LimitError that name the file, the
/// place, the key or tensor, and the rule.
std::unique_ptr<GgufFile> open_gguf(const std::filesystem::path& path);

}  // namespace skald
