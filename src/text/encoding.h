// What encoding a text gives.
#pragma once

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

/// Token ids and where each came from. Both vectors have the same length.
struct Encoding {
  std::vector<TokenId> ids;
  /// Bytes of the input text, before any normalisation. A token that holds part of a character spans all of it, and
  /// tokens that were not in the text (bos, ...) have {0, 0}: as `tokenizers` reports them, in bytes.
  std::vector<ByteRange> offsets;
};

}  // namespace skald::text
