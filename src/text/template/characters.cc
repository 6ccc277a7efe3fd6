#include "text/template/characters.h"

#include <algorithm>
#include <array>

#include "base/utf8.h"
#include "text/template/case_tables.h"

namespace skald::jinja {
namespace {

constexpr char32_t kSigma = 0x3a3, kFinalSigma = 0x3c2;

bool contains(std::span<const tables::Range> ranges, char32_t code) {
  const auto found = std::ranges::lower_bound(ranges, code, {}, &tables::Range::last);
  return found != ranges.end() && found->first <= code;
}

bool is_space(char32_t code) {
  if (code < 0x80) return code == ' ' || (code >= 9 && code <= 13) || (code >= 0x1c && code <= 0x1f);
  return code == 0x85 || code == 0xa0 || code == 0x1680 || (code >= 0x2000 && code <= 0x200a) || code == 0x2028 ||
         code == 0x2029 || code == 0x202f || code == 0x205f || code == 0x3000;
}

const tables::Mapping& mapping(Case to) {
  constexpr std::array<const tables::Mapping*, 4> kMappings = {&tables::kToUpper, &tables::kToLower, &tables::kToTitle,
                                                               &tables::kToFold};
  return *kMappings[static_cast<std::size_t>(to)];
}

// Unicode's Final_Sigma: a cased letter before it and none after it, characters between them that have no say skipped.
bool is_final_sigma(std::string_view text, std::size_t at) {
  std::size_t begin = at;
  char32_t code = 0;
  do {
    if (begin == 0) return false;
    begin = before(text, begin);
    code = character_at(text, begin);
  } while (contains(tables::kCaseIgnorable, code));
  if (!is_cased(code)) return false;
  for (std::size_t end = at + 2; end < text.size(); end += character_length(text.substr(end))) {
    code = character_at(text, end);
    if (!contains(tables::kCaseIgnorable, code)) return !is_cased(code);
  }
  return true;
}

}  // namespace

bool is_in(char32_t code, CharClass kind) {
  const std::array<std::span<const tables::Range>, 7> sets = {tables::kAlpha,    tables::kDecimal, tables::kDigit,
                                                              tables::kNumeric,  tables::kLower,   tables::kUpper,
                                                              tables::kPrintable};
  return contains(sets[static_cast<std::size_t>(kind)], code);
}

bool is_word(char32_t code) {
  return code == '_' || is_in(code, CharClass::alpha) || is_in(code, CharClass::numeric) ||
         is_in(code, CharClass::decimal) || is_in(code, CharClass::digit);
}

bool is_title(char32_t code) {
  return code == 0x1c5 || code == 0x1c8 || code == 0x1cb || code == 0x1f2 || (code >= 0x1f88 && code <= 0x1f8f) ||
         (code >= 0x1f98 && code <= 0x1f9f) || (code >= 0x1fa8 && code <= 0x1faf) || code == 0x1fbc || code == 0x1fcc ||
         code == 0x1ffc;
}

bool is_cased(char32_t code) { return contains(tables::kCased, code); }

std::size_t character_length(std::string_view text) {
  return std::max<std::size_t>(utf8_sequence_length(text.substr(0, 4)), 1);
}

char32_t character_at(std::string_view text, std::size_t at) {
  return decode_utf8(text.substr(at, 4), character_length(text.substr(at)));
}

std::size_t before(std::string_view text, std::size_t at) {
  do {
    --at;
  } while (at > 0 && (text[at] & 0xc0) == 0x80);
  return at;
}

std::size_t space_length(std::string_view text) {
  if (text.empty()) return 0;
  return is_space(character_at(text, 0)) ? character_length(text) : 0;
}

std::size_t word_length(std::string_view text) {
  if (text.empty()) return 0;
  return contains(tables::kIdentifier, character_at(text, 0)) ? character_length(text) : 0;
}

bool begins_identifier(std::string_view text) {
  return !text.empty() && contains(tables::kIdentifierStart, character_at(text, 0));
}

std::string_view strip_right(std::string_view text) {
  while (!text.empty()) {
    const std::size_t begin = before(text, text.size());
    if (space_length(text.substr(begin)) == 0) break;
    text = text.substr(0, begin);
  }
  return text;
}

void append_case(std::string& out, char32_t code, Case to) {
  const tables::Mapping& map = mapping(to);
  const auto several = std::ranges::lower_bound(map.several, code, {}, &tables::Several::code);
  if (several != map.several.end() && several->code == code) {
    for (const char32_t part : several->image) {
      if (part != 0) append_utf8(out, part);
    }
    return;
  }
  const auto shift = std::ranges::lower_bound(map.shifts, code, {}, &tables::Shift::last);
  const bool found = shift != map.shifts.end() && shift->first <= code && (code - shift->first) % shift->step == 0;
  append_utf8(out, found ? static_cast<char32_t>(static_cast<std::int64_t>(code) + shift->shift) : code);
}

void append_lowered(std::string& out, std::string_view text, std::size_t at) {
  const char32_t code = character_at(text, at);
  if (code == kSigma && is_final_sigma(text, at)) return append_utf8(out, kFinalSigma);
  append_case(out, code, Case::lower);
}

}  // namespace skald::jinja
