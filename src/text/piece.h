// Stretches of text on their way through the pipeline, which know where in the input each byte came from.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/function_ref.h"
#include "text/encoding.h"

namespace skald::text {

/// A view of some text. Byte i came from input bytes origins[i], or from the character around input byte base + i
/// where origins is null (the text is then input, unchanged).
struct Piece {
  std::string_view text;
  const ByteRange* origins = nullptr;  // [text.size()]
  std::uint32_t base = 0;
  std::uint32_t start = 0;  // first input byte of the stretch that is normalised: for text put before all of it

  /// Bytes [begin, end) of this piece.
  [[nodiscard]] Piece slice(std::size_t begin, std::size_t end) const {
    return {text.substr(begin, end - begin), origins != nullptr ? origins + begin : nullptr,
            base + static_cast<std::uint32_t>(begin)};
  }

  /// Where bytes [begin, end) came from; begin < end.
  [[nodiscard]] ByteRange origin(std::size_t begin, std::size_t end) const {
    if (origins != nullptr) return {origins[begin].begin, origins[end - 1].end};
    const auto inside = [&](std::size_t i) { return i < text.size() && (text[i] & 0xc0) == 0x80; };
    while (begin > 0 && inside(begin)) --begin;
    while (inside(end)) ++end;
    return {base + static_cast<std::uint32_t>(begin), base + static_cast<std::uint32_t>(end)};
  }
};

/// Takes pieces one by one; each is valid during the call only.
using PieceSink = FunctionRef<void(const Piece&)>;

/// Text that was made from a piece.
class AlignedText {
 public:
  void clear() {
    text_.clear();
    origins_.clear();
  }
  void reserve(std::size_t bytes) {
    text_.reserve(bytes);
    origins_.reserve(bytes);
  }
  void append(std::string_view text, ByteRange origin) {
    text_ += text;
    origins_.insert(origins_.end(), text.size(), origin);
  }
  void append(char32_t character, ByteRange origin);
  void append(char ascii, ByteRange origin) {
    text_ += ascii;
    origins_.push_back(origin);
  }
  void drop_last(std::size_t bytes) {
    text_.resize(text_.size() - bytes);
    origins_.resize(origins_.size() - bytes);
  }
  /// Bytes [begin, end) of `piece`, with their origins.
  void append(const Piece& piece, std::size_t begin, std::size_t end);

  [[nodiscard]] std::size_t bytes() const { return text_.capacity() + origins_.capacity() * sizeof(ByteRange); }
  [[nodiscard]] Piece piece() const { return {text_, origins_.data(), 0}; }

 private:
  std::string text_;
  std::vector<ByteRange> origins_;  // [text_.size()]
};

}  // namespace skald::text
