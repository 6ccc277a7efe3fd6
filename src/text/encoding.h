// What encoding a text gives.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace skald::text {

using TokenId = std::int32_t;  // 0 .. 2^24 - 1

/// A half-open range of bytes.
struct ByteRange {
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
  friend bool operator==(const ByteRange&, const ByteRange&) = default;
};

/// Token ids and where each came from.
struct Encoding {
  std::vector<TokenId> ids;
  /// Bytes of the input text, before any normalisation. A token that holds part of a character spans all of it, and
  /// tokens that were not in the text (bos, ...) have {0, 0}: as `tokenizers` reports them, in bytes.
  std::vector<ByteRange> offsets;  // [ids.size()], or empty where they are not asked for
  bool has_offsets = true;

  /// Puts tokens that are not in the text before position `at`.
  void insert(std::size_t at, const std::vector<TokenId>& others) {
    ids.insert(ids.begin() + static_cast<std::ptrdiff_t>(at), others.begin(), others.end());
    if (has_offsets) offsets.insert(offsets.begin() + static_cast<std::ptrdiff_t>(at), others.size(), ByteRange{});
  }
};

}  // namespace skald::text
