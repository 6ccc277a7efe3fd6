// The one reader that every binary parser uses: little-endian, every access checked against the end.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/file.h"
#include "skald/error.h"

namespace skald {

/// Reads bytes in memory, or a file piece by piece. Errors name the file, the offset in it and the field.
class BoundedReader {
 public:
  /// `bytes` lie at `base_offset` of `file`.
  BoundedReader(std::string file, std::span<const std::byte> bytes, std::uint64_t base_offset = 0)
      : file_(std::move(file)), bytes_(bytes), base_offset_(base_offset), size_(bytes.size()) {}
  /// The whole of `file`, which must outlive the reader. A view holds until the next read.
  explicit BoundedReader(const File& file) : file_(file.path()), source_(&file), size_(file.size()) {}

  /// The next number, little-endian. Throws FormatError where fewer bytes are left.
  template <typename T>
  requires std::is_arithmetic_v<T> T read(std::string_view field) {
    static_assert(std::endian::native == std::endian::little);
    T value;
    std::memcpy(&value, take(sizeof(T), field).data(), sizeof(T));
    return value;
  }

  /// The next `n` bytes, as a view. Throws FormatError where fewer are left: nothing is allocated on a file's word. Of
  /// a file, `n` bytes are held in memory at least: what may be long is limited by the caller.
  std::span<const std::byte> take(std::uint64_t n, std::string_view field);

  /// As take(), seen as text. The bytes are not checked for UTF-8.
  std::string_view take_text(std::uint64_t n, std::string_view field);

  /// Throws FormatError unless `count` items of at least `min_item_size` bytes each can still follow.
  void expect_room(std::uint64_t count, std::uint64_t min_item_size, std::string_view field) const;

  [[nodiscard]] std::uint64_t remaining() const { return size_ - position_; }
  [[nodiscard]] std::uint64_t offset() const { return base_offset_ + position_; }
  [[nodiscard]] const std::string& file() const { return file_; }

  /// Throws FormatError at the current offset.
  [[noreturn]] void fail(std::string_view field, std::string value, std::string rule) const;

 private:
  void load(std::uint64_t n);

  std::string file_;
  const File* source_ = nullptr;        // null: all is in `bytes_`
  std::vector<std::byte> window_ = {};  // of `source_`: what `bytes_` is
  std::span<const std::byte> bytes_ = {};
  std::uint64_t bytes_begin_ = 0;  // position of the first of `bytes_`
  std::uint64_t base_offset_ = 0;
  std::uint64_t size_;
  std::uint64_t position_ = 0;
};

}  // namespace skald
