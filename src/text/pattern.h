// Patterns of Split and Replace: a literal text, a known regex as a hand-written scanner, or any other regex.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/function_ref.h"
#include "json/fields.h"

namespace skald::text {

/// Takes matches as [begin, end), ascending and disjoint; a match may be empty.
using MatchSink = FunctionRef<void(std::size_t begin, std::size_t end)>;

class Pattern {
 public:
  virtual ~Pattern() = default;
  /// Finds all matches in `text`, which is valid UTF-8.
  virtual void find(std::string_view text, MatchSink sink) const = 0;
};

/// Reads member "pattern" of `fields`: {"String": "..."} or {"Regex": "..."}. Throws FormatError for a malformed
/// regex, UnsupportedError for a class or construct that is not known, LimitError for one that is too complex.
std::unique_ptr<Pattern> make_pattern(const json::Fields& fields);

/// The scanner for a known regex; nullptr for any other.
std::unique_ptr<Pattern> make_scanner(std::string_view regex);

/// Any regex, by PCRE2 with the classes of text/unicode.h. `file` and `field` are named in errors.
std::unique_ptr<Pattern> make_regex(const std::string& regex, const std::string& file, const std::string& field);

}  // namespace skald::text
