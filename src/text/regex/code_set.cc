#include "text/regex/code_set.h"

#include <algorithm>
#include <span>

#include "text/unicode_tables.h"

namespace skald::text {
namespace {
constexpr char32_t kLast = 0x10ffff;
}

CodeSet make_set(std::vector<CodeRange> ranges) {
  std::sort(ranges.begin(), ranges.end(), [](const CodeRange& a, const CodeRange& b) { return a.first < b.first; });
  CodeSet set;
  for (const CodeRange& range : ranges) {
    if (!set.empty() && range.first <= set.back().last + 1) {
      set.back().last = std::max(set.back().last, range.last);
    } else {
      set.push_back(range);
    }
  }
  return set;
}

CodeSet unite(const CodeSet& a, const CodeSet& b) {
  std::vector<CodeRange> ranges = a;
  ranges.insert(ranges.end(), b.begin(), b.end());
  return make_set(std::move(ranges));
}

CodeSet complement(const CodeSet& set) {
  CodeSet out;
  char32_t next = 0;
  for (const CodeRange& range : set) {
    if (range.first > next) out.push_back({next, range.first - 1});
    next = range.last + 1;
  }
  if (next <= kLast) out.push_back({next, kLast});
  return out;
}

CodeSet intersect(const CodeSet& a, const CodeSet& b) { return complement(unite(complement(a), complement(b))); }

bool contains(const CodeSet& set, char32_t c) {
  const auto after =
      std::upper_bound(set.begin(), set.end(), c, [](char32_t x, const CodeRange& range) { return x < range.first; });
  return after != set.begin() && c <= (after - 1)->last;
}

std::optional<CodeSet> posix_set(std::string_view name) {
  const auto of_categories = [](const char* first, auto... more) {
    CodeSet set = *property_set(first);
    ((set = unite(set, *property_set(more))), ...);
    return set;
  };
  if (name == "alpha") return flag_set(kIsAlphabetic);
  if (name == "lower") return flag_set(kIsLower);
  if (name == "upper") return flag_set(kIsUpper);
  if (name == "space") return flag_set(kIsSpace);
  if (name == "alnum") return unite(flag_set(kIsAlphabetic), *property_set("Nd"));
  if (name == "digit") return property_set("Nd");
  if (name == "cntrl") return property_set("Cc");
  if (name == "punct") return of_categories("P", "S");
  if (name == "blank") return unite(CodeSet{{'\t', '\t'}}, *property_set("Zs"));
  if (name == "graph") return complement(of_categories("Cc", "Cn", "Cs", "Z"));
  if (name == "print") return complement(of_categories("Cc", "Cn", "Cs", "Zl", "Zp"));
  if (name == "ascii") return CodeSet{{0, 127}};
  if (name == "xdigit") return make_set({{'0', '9'}, {'A', 'F'}, {'a', 'f'}});
  return std::nullopt;
}

CodeSet fold_case(const CodeSet& set) {
  // Of each group of characters that are the same, all but one are in the table, which maps them to that one.
  const auto for_each_pair = [](const auto& take) {
    for (const tables::CaseRun& run : std::span(tables::kCaseFolds, tables::kCaseFoldsSize)) {
      for (char32_t c = run.first; c <= run.last; c += run.step) {
        take(c, static_cast<char32_t>(static_cast<std::int32_t>(c) + run.difference));
      }
    }
  };
  std::vector<CodeRange> out = set;
  for_each_pair([&](char32_t c, char32_t folded) {
    if (contains(set, c)) out.push_back({folded, folded});
  });
  const CodeSet with_folded = make_set(out);
  for_each_pair([&](char32_t c, char32_t folded) {
    if (contains(with_folded, folded)) out.push_back({c, c});
  });
  return make_set(std::move(out));
}

}  // namespace skald::text
