#include "text/unicode.h"

#include <algorithm>
#include <array>
#include <span>

namespace skald::text {
namespace {

constexpr std::array<std::string_view, 30> kCategoryNames = {
    "Cn", "Cc", "Cf", "Co", "Cs", "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl",
    "No", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "Sm", "Sc", "Sk", "So", "Zs", "Zl", "Zp"};

constexpr std::array<std::string_view, 23> kScriptNames = {
    "Latin", "Greek",     "Cyrillic", "Armenian", "Hebrew",   "Arabic",   "Devanagari", "Bengali",
    "Tamil", "Thai",      "Lao",      "Tibetan",  "Myanmar",  "Georgian", "Hangul",     "Ethiopic",
    "Khmer", "Mongolian", "Hiragana", "Katakana", "Bopomofo", "Han",      "Common"};

template <typename Predicate>
CodeSet collect(Predicate member) {
  CodeSet set;
  for (char32_t c = 0; c < 0x110000; ++c) {
    if (!member(c)) continue;
    if (!set.empty() && set.back().last + 1 == c) {
      set.back().last = c;
    } else {
      set.push_back({c, c});
    }
  }
  return set;
}

CodeSet category_set(std::uint32_t categories) {
  return collect([&](char32_t c) { return in_categories(c, categories); });
}

std::optional<std::uint32_t> categories_named(std::string_view name) {
  for (std::size_t i = 0; i < kCategoryNames.size(); ++i) {
    if (kCategoryNames[i] == name) return 1U << i;
  }
  struct Group {
    std::string_view name;
    std::uint32_t set;
  };
  static constexpr Group kGroups[] = {{"L", kLetters},
                                      {"Letter", kLetters},
                                      {"M", kMarks},
                                      {"Mark", kMarks},
                                      {"N", kNumbers},
                                      {"Number", kNumbers},
                                      {"P", kPuncts},
                                      {"Punctuation", kPuncts},
                                      {"S", kSymbols},
                                      {"Symbol", kSymbols},
                                      {"Z", bit(kZs) | bit(kZl) | bit(kZp)},
                                      {"C", bit(kCn) | bit(kCc) | bit(kCf) | bit(kCo) | bit(kCs)}};
  for (const Group& group : kGroups) {
    if (group.name == name) return group.set;
  }
  return std::nullopt;
}

// Hangul syllables are composed by arithmetic: Unicode standard, section 3.12.
constexpr char32_t kSyllables = 0xac00, kLeads = 0x1100, kVowels = 0x1161, kTails = 0x11a7;
constexpr char32_t kLeadCount = 19, kVowelCount = 21, kTailCount = 28;
constexpr char32_t kSyllableCount = kLeadCount * kVowelCount * kTailCount;

const tables::Decomposition* find_decomposition(std::span<const tables::Decomposition> table, char32_t c) {
  const auto it = std::lower_bound(table.begin(), table.end(), c,
                                   [](const tables::Decomposition& d, char32_t x) { return d.code_point < x; });
  return it != table.end() && it->code_point == c ? &*it : nullptr;
}

char32_t compose_hangul(char32_t first, char32_t second) {
  if (first - kLeads < kLeadCount && second - kVowels < kVowelCount) {
    return kSyllables + ((first - kLeads) * kVowelCount + (second - kVowels)) * kTailCount;
  }
  const bool open = first - kSyllables < kSyllableCount && (first - kSyllables) % kTailCount == 0;
  return open && second - kTails - 1 < kTailCount - 1 ? first + (second - kTails) : 0;
}

char32_t compose(char32_t first, char32_t second) {
  if (const char32_t syllable = compose_hangul(first, second)) return syllable;
  const std::span<const tables::Composition> table(tables::kCompositions, tables::kCompositionsSize);
  const auto before = [](const tables::Composition& entry, const std::pair<char32_t, char32_t>& key) {
    return std::pair(entry.first, entry.second) < key;
  };
  const auto it = std::lower_bound(table.begin(), table.end(), std::pair(first, second), before);
  return it != table.end() && it->first == first && it->second == second ? it->composite : 0;
}

class Decomposer {
 public:
  Decomposer(bool compatible, std::vector<NormalizedChar>& out) : compatible_(compatible), out_(out) {}

  void push(char32_t c) {
    if (c - kSyllables < kSyllableCount) return push_syllable(c - kSyllables);
    const tables::Decomposition* found =
        compatible_ ? find_decomposition({tables::kCompatible, tables::kCompatibleSize}, c) : nullptr;
    if (!found) found = find_decomposition({tables::kCanonical, tables::kCanonicalSize}, c);
    if (!found) return append(c, 0);
    for (std::uint8_t i = 0; i < found->length; ++i) append(tables::kDecomposed[found->offset + i], i > 0);
  }

  void sort_pending() {
    const auto by_class = [](const NormalizedChar& a, const NormalizedChar& b) {
      return char_record(a.code_point).combining_class < char_record(b.code_point).combining_class;
    };
    std::stable_sort(out_.begin() + static_cast<std::ptrdiff_t>(ready_), out_.end(), by_class);
    ready_ = out_.size();
  }

 private:
  void append(char32_t c, std::int32_t change) {
    const bool starter = char_record(c).combining_class == 0;
    if (starter) sort_pending();
    out_.push_back({c, change});
    if (starter) ready_ = out_.size();
  }
  void push_syllable(char32_t index) {
    append(kLeads + index / (kVowelCount * kTailCount), 0);
    append(kVowels + index / kTailCount % kVowelCount, 1);
    if (index % kTailCount != 0) append(kTails + index % kTailCount, 1);
  }

  bool compatible_;
  std::vector<NormalizedChar>& out_;
  std::size_t ready_ = 0;  // characters before it are in canonical order
};

// Unicode standard, D117: each character is joined to the last starter unless another one blocks it.
void recompose(std::vector<NormalizedChar>& chars) {
  constexpr std::size_t kNone = static_cast<std::size_t>(-1);
  std::size_t out = 0, starter = kNone;
  int last_class = -1;  // of the character before, where it was kept after the starter; -1: none
  for (const NormalizedChar c : chars) {
    const int combining_class = char_record(c.code_point).combining_class;
    if (starter != kNone && last_class < combining_class) {
      if (const char32_t composite = compose(chars[starter].code_point, c.code_point)) {
        chars[starter] = {composite, chars[starter].change + c.change - 1};
        continue;
      }
    }
    chars[out] = c;
    if (combining_class == 0) {
      starter = out;
      last_class = -1;
    } else {
      last_class = combining_class;
    }
    ++out;
  }
  chars.resize(out);
}

}  // namespace

std::optional<CodeSet> property_set(std::string_view name) {
  if (name == "Any") return CodeSet{{0, 0x10ffff}};
  if (const auto categories = categories_named(name)) return category_set(*categories);
  const auto it = std::find(kScriptNames.begin(), kScriptNames.end(), name);
  if (it == kScriptNames.end()) return std::nullopt;
  CodeSet set;
  const auto script = static_cast<std::uint8_t>(it - kScriptNames.begin() + 1);
  for (std::size_t i = 0; i < tables::kScriptsSize; ++i) {
    const tables::ScriptRun& run = tables::kScripts[i];
    if (run.script == script) set.push_back({run.first, run.last});
  }
  return set;
}

CodeSet flag_set(CharFlag flag) {
  return collect([&](char32_t c) { return has_flag(c, flag); });
}

char32_t lower_case(char32_t c) {
  if (c == 0x130) return 'i';
  const std::span<const tables::CaseRun> runs(tables::kLowerCase, tables::kLowerCaseSize);
  const auto after = std::upper_bound(runs.begin(), runs.end(), c,
                                      [](char32_t x, const tables::CaseRun& run) { return x < run.first; });
  if (after == runs.begin()) return c;
  const tables::CaseRun& run = *(after - 1);
  if (c > run.last || (c - run.first) % run.step != 0) return c;
  return static_cast<char32_t>(static_cast<std::int32_t>(c) + run.difference);
}

std::uint8_t script_class(char32_t c) {
  const std::span<const tables::ScriptRun> runs(tables::kScriptClasses, tables::kScriptClassesSize);
  const auto after = std::upper_bound(runs.begin(), runs.end(), c,
                                      [](char32_t x, const tables::ScriptRun& run) { return x < run.first; });
  return after != runs.begin() && c <= (after - 1)->last ? (after - 1)->script : 0;
}

std::vector<NormalizedChar> normalize(std::u32string_view text, NormalForm form) {
  const bool compatible = form == NormalForm::nfkd || form == NormalForm::nfkc;
  std::vector<NormalizedChar> out;
  out.reserve(text.size() + 8);
  Decomposer decomposer(compatible, out);
  for (const char32_t c : text) decomposer.push(c);
  decomposer.sort_pending();
  if (form == NormalForm::nfc || form == NormalForm::nfkc) recompose(out);
  return out;
}

char32_t byte_to_char(std::uint8_t byte) {
  if (byte >= 0x21 && byte <= 0x7e) return byte;
  if (byte >= 0xa1 && byte != 0xad) return byte;
  // The 68 others take U+0100 .. U+0143 in ascending order.
  if (byte <= 0x20) return 0x100U + byte;
  if (byte <= 0xa0) return 0x100U + 33 + (byte - 0x7f);
  return 0x143;
}

int char_to_byte(char32_t c) {
  if (c < 0x100) return byte_to_char(static_cast<std::uint8_t>(c)) == c ? static_cast<int>(c) : -1;
  if (c <= 0x120) return static_cast<int>(c - 0x100);
  if (c <= 0x142) return static_cast<int>(c - 0x121 + 0x7f);
  return c == 0x143 ? 0xad : -1;
}

}  // namespace skald::text
