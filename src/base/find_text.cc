#include "base/find_text.h"

#include <vector>

namespace skald {
namespace {

constexpr std::size_t kShort = 32;  // so few bytes are compared again at each place in no time

/// Knuth, Morris and Pratt: the first place of `wanted` in `text`; both begin at their iterators, and may run
/// backwards.
template <typename Iterator>
std::size_t first_match(Iterator text, std::size_t text_size, Iterator wanted, std::size_t size) {
  const auto at = [](Iterator begin, std::size_t i) { return begin[static_cast<std::ptrdiff_t>(i)]; };
  std::vector<std::size_t> borders(size);  // of each beginning of `wanted`: the longest other one that it ends with
  for (std::size_t i = 1, held = 0; i < size; ++i) {
    while (held > 0 && at(wanted, i) != at(wanted, held)) held = borders[held - 1];
    if (at(wanted, i) == at(wanted, held)) ++held;
    borders[i] = held;
  }
  for (std::size_t i = 0, held = 0; i < text_size; ++i) {
    while (held > 0 && at(text, i) != at(wanted, held)) held = borders[held - 1];
    if (at(text, i) == at(wanted, held)) ++held;
    if (held == size) return i + 1 - size;
  }
  return std::string_view::npos;
}

}  // namespace

std::size_t find_text(std::string_view text, std::string_view wanted, std::size_t from) {
  if (wanted.size() <= kShort || from > text.size()) return text.find(wanted, from);
  if (wanted.size() > text.size() - from) return std::string_view::npos;
  const std::size_t found = first_match(text.begin() + from, text.size() - from, wanted.begin(), wanted.size());
  return found == std::string_view::npos ? found : from + found;
}

std::size_t find_last_text(std::string_view text, std::string_view wanted) {
  if (wanted.size() <= kShort) return text.rfind(wanted);
  if (wanted.size() > text.size()) return std::string_view::npos;
  const std::size_t found = first_match(text.rbegin(), text.size(), wanted.rbegin(), wanted.size());
  return found == std::string_view::npos ? found : text.size() - found - wanted.size();
}

}  // namespace skald
