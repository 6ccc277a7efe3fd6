// Walking over text that is known to be UTF-8: no checks, so that scanners are fast.
#pragma once

#include <cstddef>
#include <string_view>

namespace skald::text {

/// Length of the character that begins with `first`.
inline std::size_t char_length(char first) {
  const auto byte = static_cast<unsigned char>(first);
  return byte < 0x80 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
}

/// The character of `length` bytes at `at`.
inline char32_t char_at(const char* at, std::size_t length) {
  const auto byte = [at](std::size_t i) { return static_cast<char32_t>(static_cast<unsigned char>(at[i])); };
  switch (length) {
    case 1: return byte(0);
    case 2: return (byte(0) & 0x1f) << 6 | (byte(1) & 0x3f);
    case 3: return (byte(0) & 0x0f) << 12 | (byte(1) & 0x3f) << 6 | (byte(2) & 0x3f);
    default: return (byte(0) & 0x07) << 18 | (byte(1) & 0x3f) << 12 | (byte(2) & 0x3f) << 6 | (byte(3) & 0x3f);
  }
}

/// Calls visit(code point, begin, end) for each character of `text`.
template <typename Visit>
void for_each_char(std::string_view text, Visit visit) {
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = begin + char_length(text[begin]);
    visit(char_at(text.data() + begin, end - begin), begin, end);
    begin = end;
  }
}

/// The last character of `text[0, end)`, end > 0: where it begins.
inline std::size_t previous_char(std::string_view text, std::size_t end) {
  do {
    --end;
  } while (end > 0 && (text[end] & 0xc0) == 0x80);
  return end;
}

}  // namespace skald::text
