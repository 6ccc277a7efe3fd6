#include "text/regex/code_set.h"

#include <algorithm>

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

CodeSet fold_case(const CodeSet& set) {
  // Equal without regard to case: the same lower case. Long s and the Kelvin and Angstrom signs lower to their letters
  // only in case folding.
  const auto folded = [](char32_t c) { return c == 0x17f ? U's' : c == 0x130 ? c : lower_case(c); };
  std::vector<CodeRange> lower;
  for (const CodeRange& range : set) {
    if (range.last - range.first > 0x3000) continue;  // a class of this size holds both cases already
    for (char32_t c = range.first; c <= range.last; ++c) lower.push_back({folded(c), folded(c)});
  }
  const CodeSet wanted = make_set(std::move(lower));
  if (wanted.empty()) return set;
  std::vector<CodeRange> out = set;
  for (char32_t c = 0; c < 0x1e944; ++c) {  // no cased letter lies above
    if (contains(wanted, folded(c))) out.push_back({c, c});
  }
  return make_set(std::move(out));
}

}  // namespace skald::text
