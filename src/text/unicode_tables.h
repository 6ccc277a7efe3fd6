// The generated Unicode data (tools/make_unicode_tables.py); text/unicode.h is its face.
#pragma once

#include <cstddef>
#include <cstdint>

namespace skald::text::tables {

struct CharRecord {
  std::uint8_t category;  // text::Category
  std::uint16_t flags;    // bits of text::CharFlag
  std::uint8_t combining_class;
  std::uint8_t inert;  // bit 0 NFD, 1 NFKD, 2 NFC, 3 NFKC: stays as it is whatever its neighbours
};
extern const CharRecord kRecords[];
extern const std::uint16_t kBlockOf[];  // [0x110000 / 128]: block of each run of 128 code points
extern const std::uint8_t kBlocks[];    // [blocks, 128]: record of each code point of a block

struct Decomposition {
  char32_t code_point;
  std::uint16_t offset;  // into kDecomposed
  std::uint8_t length;
};
extern const char32_t kDecomposed[];
extern const Decomposition kCanonical[], kCompatible[];  // full decompositions, by ascending code point
extern const std::size_t kCanonicalSize, kCompatibleSize;

struct Composition {
  char32_t first, second, composite;
};
extern const Composition kCompositions[];  // by ascending (first, second)
extern const std::size_t kCompositionsSize;

struct CaseRun {
  char32_t first, last;
  std::uint8_t step;
  std::int32_t difference;
};
extern const CaseRun kLowerCase[];  // by ascending code point
extern const std::size_t kLowerCaseSize;
extern const CaseRun kCaseFolds[];  // as kLowerCase: to one of those that a pattern without regard to case takes for it
extern const std::size_t kCaseFoldsSize;

struct ScriptRun {
  char32_t first, last;
  std::uint8_t script;  // text::Script
};
extern const ScriptRun kScripts[];  // by ascending code point
extern const std::size_t kScriptsSize;
extern const ScriptRun kScriptClasses[];  // what UnicodeScripts keeps together, numbered from 1; the rest goes with any
extern const std::size_t kScriptClassesSize;

}  // namespace skald::text::tables
