// The classes that the known split patterns are made of, looked up with one table access a character.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "text/unicode.h"
#include "text/utf8_walk.h"

namespace skald::text::scan {

using Class = std::uint16_t;  // bit set
constexpr Class kLetter = 1;
constexpr Class kNumber = 2;
constexpr Class kSpace = 4;
constexpr Class kNewline = 8;     // \r, \n
constexpr Class kOther = 16;      // neither space nor letter nor number
constexpr Class kUpperLike = 32;  // Lu Lt Lm Lo M
constexpr Class kLowerLike = 64;  // Ll Lm Lo M
constexpr Class kPunctOrSymbol = 128;
constexpr Class kMark = 256;
constexpr Class kMultibyte = 1 << 15;  // first byte of a longer character: look further

/// Class of a code point of `category`.
constexpr Class class_of(Category category, bool space, bool newline) {
  const std::uint32_t c = bit(category);
  Class out = 0;
  if (c & kLetters) out |= kLetter;
  if (c & kNumbers) out |= kNumber;
  if (c & kMarks) out |= kMark;
  if (c & (kPuncts | kSymbols)) out |= kPunctOrSymbol;
  if (c & (bit(kLu) | bit(kLt) | bit(kLm) | bit(kLo) | kMarks)) out |= kUpperLike;
  if (c & (bit(kLl) | bit(kLm) | bit(kLo) | kMarks)) out |= kLowerLike;
  if (space) out |= kSpace;
  if (newline) out |= kNewline;
  if (!(out & (kLetter | kNumber | kSpace))) out |= kOther;
  return out;
}

/// Class by first byte; kMultibyte from 0x80 on.
extern const std::array<Class, 256> kByteClass;
/// Class by general category.
extern const std::array<Class, 30> kCategoryClass;

/// A character of a text: its class (0 at the end) and its length in bytes (0 at the end).
struct Char {
  Class cls;
  std::uint8_t length;
  [[nodiscard]] bool is(Class any) const { return (cls & any) != 0; }
};

/// A text that is read by position.
class Reader {
 public:
  explicit Reader(std::string_view text) : begin_(text.data()), size_(text.size()) {}

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] char byte(std::size_t at) const { return at < size_ ? begin_[at] : '\0'; }
  [[nodiscard]] Char at(std::size_t position) const {
    if (position >= size_) return {0, 0};
    const Class cls = kByteClass[static_cast<unsigned char>(begin_[position])];
    if (!(cls & kMultibyte)) return {cls, 1};
    return wide(position);
  }
  /// End of the run of characters from `position` on that have any class of `any`.
  [[nodiscard]] std::size_t skip(std::size_t position, Class any) const {
    for (Char c = at(position); c.is(any); c = at(position)) position += c.length;
    return position;
  }

 private:
  [[nodiscard]] Char wide(std::size_t position) const {
    const std::size_t length = char_length(begin_[position]);
    const tables::CharRecord& record = char_record(char_at(begin_ + position, length));
    Class cls = kCategoryClass[record.category];
    if ((record.flags & kIsSpace) != 0) cls = static_cast<Class>((cls & ~kOther) | kSpace);
    return {cls, static_cast<std::uint8_t>(length)};
  }
  const char* begin_;
  std::size_t size_;
};

// Each of these gives the end of the match at `at`, or `at` where there is none.

/// 's 't 're 've 'm 'll 'd; `caseless` as the reference's engine has it, U+017F (long s) included.
std::size_t match_contraction(const Reader& text, std::size_t at, bool caseless);
/// \s+(?!\S)|\s+
std::size_t match_spaces(const Reader& text, std::size_t at);
/// \s*[\r\n]+|\s+(?!\S)|\s+
std::size_t match_lines(const Reader& text, std::size_t at);
/// \p{N}{1,limit}
std::size_t match_numbers(const Reader& text, std::size_t at, int limit);
///  ?[any]+[\r\n]*, the last part with '/' too where `slash`
std::size_t match_symbols(const Reader& text, std::size_t at, Class any, bool slash);

}  // namespace skald::text::scan
