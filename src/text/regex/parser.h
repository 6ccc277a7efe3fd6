// Reads a regex in the syntax of the reference's engine (Oniguruma, Ruby syntax) and replaces every set of characters
// by an explicit one, so that another engine matches exactly the same characters.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "text/unicode.h"

namespace skald::text {

/// A part of a regex: a set of characters, or syntax that PCRE2 understands as well.
struct RegexItem {
  std::string syntax;  // "(?:", "*?", "|", ...; empty for a set
  CodeSet set;
};

/// The parts of `regex`. Throws FormatError for a malformed one, UnsupportedError for a class or construct that is not
/// known, LimitError for one that is too long or too deep. `file` and `field` are named in errors.
std::vector<RegexItem> parse_regex(std::string_view regex, const std::string& file, const std::string& field);

}  // namespace skald::text
