#include "text/regex/alphabet.h"

#include <algorithm>
#include <map>

#include "text/regex/code_set.h"
#include "text/utf8_walk.h"

namespace skald::text {

std::optional<Alphabet> Alphabet::make(const std::vector<RegexItem>& items) {
  std::vector<CodeSet> sets;
  const auto same = [](const CodeSet& a, const CodeSet& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](const CodeRange& x, const CodeRange& y) { return x.first == y.first && x.last == y.last; });
  };
  std::vector<std::pair<char32_t, std::size_t>> changes;  // (where membership changes, in which set)
  for (const RegexItem& item : items) {
    const bool seen = std::any_of(sets.begin(), sets.end(), [&](const CodeSet& set) { return same(set, item.set); });
    if (!item.syntax.empty() || seen) continue;
    for (const CodeRange& range : item.set) {
      changes.emplace_back(range.first, sets.size());
      changes.emplace_back(range.last + 1, sets.size());
    }
    sets.push_back(item.set);
  }
  std::sort(changes.begin(), changes.end());
  Alphabet alphabet;
  std::map<std::vector<bool>, std::uint8_t> symbols;
  std::vector<bool> member(sets.size());  // of the characters from here on
  std::size_t next = 0;                   // change
  for (char32_t first = 0; first <= 0x10ffff;) {
    for (; next < changes.size() && changes[next].first == first; ++next) member[changes[next].second].flip();
    if (symbols.size() == 255 && !symbols.contains(member)) return std::nullopt;
    const auto symbol = symbols.try_emplace(member, static_cast<std::uint8_t>(symbols.size() + 1)).first->second;
    alphabet.runs_.push_back({first, symbol});
    first = next < changes.size() ? changes[next].first : 0x110000;
  }
  for (char32_t c = 0; c < 128; ++c) alphabet.ascii_[c] = alphabet.symbol(c);
  return alphabet;
}

std::uint8_t Alphabet::symbol(char32_t c) const {
  const auto after =
      std::upper_bound(runs_.begin(), runs_.end(), c, [](char32_t x, const Run& run) { return x < run.first; });
  return (after - 1)->symbol;
}

std::string Alphabet::byte_class(const CodeSet& set) const {
  constexpr char kHex[] = "0123456789abcdef";
  std::array<bool, 256> members{};
  for (const Run& run : runs_) {
    if (contains(set, run.first)) members[run.symbol] = true;
  }
  std::string out = "[";
  for (unsigned symbol = 0; symbol < 256; ++symbol) {
    if (members[symbol]) out += {'\\', 'x', kHex[symbol >> 4], kHex[symbol & 15]};
  }
  return out.size() == 1 ? "(?!)" : out + "]";
}

std::string Alphabet::translate(std::string_view text) const {
  std::string out;
  out.reserve(text.size());
  for_each_char(
      text, [&](char32_t c, std::size_t, std::size_t) { out += static_cast<char>(c < 128 ? ascii_[c] : symbol(c)); });
  return out;
}

}  // namespace skald::text
