// Python's character classes and case mappings, as tables (case_tables.cc is generated).
#pragma once

#include <cstdint>
#include <span>

namespace skald::jinja::tables {

/// Code points [first, last].
struct Range {
  char32_t first, last;
};

/// first, first + step, ..., last become themselves plus `shift`.
struct Shift {
  char32_t first, last;
  std::uint32_t step;
  std::int32_t shift;
};

/// A character that becomes several; 0 ends them.
struct Several {
  char32_t code;
  char32_t image[3];
};

struct Mapping {
  std::span<const Shift> shifts;
  std::span<const Several> several;
};

extern const std::span<const Range> kAlpha, kDecimal, kDigit, kNumeric, kLower, kUpper, kPrintable, kIdentifier,
    kIdentifierStart, kCaseIgnorable, kCased;
extern const Mapping kToUpper, kToLower, kToTitle, kToFold;

}  // namespace skald::jinja::tables
