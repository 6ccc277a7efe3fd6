// Algebra of sets of code points, as character classes need it.
#pragma once

#include <optional>
#include <string_view>

#include "text/unicode.h"

namespace skald::text {

/// `ranges` in any order and overlap, as a CodeSet.
CodeSet make_set(std::vector<CodeRange> ranges);
CodeSet unite(const CodeSet& a, const CodeSet& b);
CodeSet intersect(const CodeSet& a, const CodeSet& b);
CodeSet complement(const CodeSet& set);
bool contains(const CodeSet& set, char32_t c);

/// What [:name:] means, for all of Unicode; nothing where there is no such class. "word" is the parser's: \w.
std::optional<CodeSet> posix_set(std::string_view name);

/// `set` with the characters that equal one of its own when case does not matter.
CodeSet fold_case(const CodeSet& set);

}  // namespace skald::text
