// What `tokenizers` believes about code points: the classes of split patterns, normal forms, lower case.
// The data is generated from that package (tools/make_unicode_tables.py), so that ids agree for every code point.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/unicode_tables.h"

namespace skald::text {

/// General category, in the order of the tables.
enum Category : std::uint8_t {
  kCn,
  kCc,
  kCf,
  kCo,
  kCs,
  kLu,
  kLl,
  kLt,
  kLm,
  kLo,
  kMn,
  kMc,
  kMe,
  kNd,
  kNl,
  kNo,
  kPc,
  kPd,
  kPs,
  kPe,
  kPi,
  kPf,
  kPo,
  kSm,
  kSc,
  kSk,
  kSo,
  kZs,
  kZl,
  kZp,
};  // clang-format off: one line a kind
// clang-format on

enum CharFlag : std::uint16_t {
  kIsSpace = 1,             // \s, Rust's char::is_whitespace
  kIsWord = 2,              // \w of split patterns
  kIsCrateWord = 4,         // \w of the `regex` crate: Whitespace, single_word
  kIsNumeric = 8,           // Rust's char::is_numeric: Digits
  kIsPunctuation = 16,      // the Punctuation pre-tokenizer
  kIsAccent = 32,           // what StripAccents removes
  kIsBertAccent = 64,       // what BertNormalizer removes as accents
  kIsBertControl = 128,     // and what as control characters
  kJoinsCluster = 256,      // a grapheme cluster goes on with it
  kIsPictogram = 512,       // a cluster that ends with a joiner goes on with it
  kPrependsCluster = 1024,  // what follows belongs to its cluster
  kIsAlphabetic = 2048,     // [:alpha:] of split patterns
  kIsLower = 4096,          // [:lower:]
  kIsUpper = 8192,          // [:upper:]
};

enum class NormalForm : std::uint8_t { nfd, nfkd, nfc, nfkc };

inline const tables::CharRecord& char_record(char32_t c) {
  return tables::kRecords[tables::kBlocks[tables::kBlockOf[c >> 7] * 128U + (c & 127)]];
}
inline Category category(char32_t c) { return static_cast<Category>(char_record(c).category); }
inline bool has_flag(char32_t c, CharFlag flag) { return (char_record(c).flags & flag) != 0; }
inline bool is_space(char32_t c) { return has_flag(c, kIsSpace); }

/// Bit set of categories, as \p{L} is of Lu, Ll, Lt, Lm, Lo.
constexpr std::uint32_t bit(Category c) { return 1U << c; }
inline constexpr std::uint32_t kLetters = bit(kLu) | bit(kLl) | bit(kLt) | bit(kLm) | bit(kLo);
inline constexpr std::uint32_t kMarks = bit(kMn) | bit(kMc) | bit(kMe);
inline constexpr std::uint32_t kNumbers = bit(kNd) | bit(kNl) | bit(kNo);
inline constexpr std::uint32_t kPuncts = bit(kPc) | bit(kPd) | bit(kPs) | bit(kPe) | bit(kPi) | bit(kPf) | bit(kPo);
inline constexpr std::uint32_t kSymbols = bit(kSm) | bit(kSc) | bit(kSk) | bit(kSo);
inline bool in_categories(char32_t c, std::uint32_t set) { return (set >> category(c) & 1) != 0; }

/// Sorted, disjoint, non-adjacent ranges of code points, both ends included.
struct CodeRange {
  char32_t first, last;
};
using CodeSet = std::vector<CodeRange>;

/// The code points of a property as split patterns name it: "L", "Lu", "Letter", "Han", ...; nothing where it is
/// unknown.
std::optional<CodeSet> property_set(std::string_view name);
/// The code points with a flag.
CodeSet flag_set(CharFlag flag);

/// Lower case of one code point. U+0130 is the only one with two (U+0069 U+0307); it gives the first.
char32_t lower_case(char32_t c);

/// One code point of a normalised text, and how it came about: `first` begins a new source character, the others belong
/// to the one before.
struct NormalizedChar {
  char32_t code_point;
  std::int32_t change;  // 1: added to the character before; 0: replaces one; -n: replaces one and drops n after it
};

/// `text` (valid UTF-8) in a normal form, character by character.
std::vector<NormalizedChar> normalize(std::u32string_view text, NormalForm form);

/// Whether `c` stays as it is in `form` whatever stands around it.
inline bool is_inert(char32_t c, NormalForm form) {
  return (char_record(c).inert >> static_cast<unsigned>(form) & 1) != 0;
}

/// The number of the scripts that UnicodeScripts keeps together; 0: goes with any.
std::uint8_t script_class(char32_t c);

/// The byte-level alphabet of GPT-2: a printable character for each byte, and back (-1 where `c` is none).
char32_t byte_to_char(std::uint8_t byte);
int char_to_byte(char32_t c);

}  // namespace skald::text
