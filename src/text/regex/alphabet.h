// A small alphabet for a regex: characters that no class of it tells apart become one byte.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/regex/parser.h"

namespace skald::text {

/// The symbols 1 .. 255 that a regex can tell apart. PCRE2 then matches bytes: its own idea of Unicode plays no part,
/// and a class is a bitmap instead of thousands of ranges.
class Alphabet {
 public:
  /// Nothing where the sets of `items` need more than 255 symbols.
  static std::optional<Alphabet> make(const std::vector<RegexItem>& items);

  /// The symbols of `set`, one of those that the alphabet was made for, as a class of bytes: "[\x01\x05]".
  [[nodiscard]] std::string byte_class(const CodeSet& set) const;
  /// Each character of `text` (valid UTF-8) as its symbol.
  [[nodiscard]] std::string translate(std::string_view text) const;

 private:
  struct Run {
    char32_t first;
    std::uint8_t symbol;
  };
  [[nodiscard]] std::uint8_t symbol(char32_t c) const;
  std::vector<Run> runs_;  // ascending from 0; each goes to the next
  std::array<std::uint8_t, 128> ascii_{};
};

}  // namespace skald::text
