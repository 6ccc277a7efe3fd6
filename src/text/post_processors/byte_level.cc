#include <algorithm>

#include "text/post_processors/types.h"
#include "text/unicode.h"
#include "text/utf8_walk.h"

namespace skald::text {
namespace {

constexpr char32_t kSpaceChar = 0x120;  // byte_to_char(' ')

struct Spaces {
  std::uint32_t before = 0, after = 0;  // characters
};

Spaces count_spaces(std::string_view token) {
  const auto is_blank = [](char32_t c) { return c == kSpaceChar || is_space(c); };
  Spaces spaces;
  bool only_spaces = true;
  for_each_char(token, [&](char32_t c, std::size_t, std::size_t) {
    if (is_blank(c)) {
      if (only_spaces) ++spaces.before;
      ++spaces.after;
    } else {
      only_spaces = false;
      spaces.after = 0;
    }
  });
  return spaces;
}

// `at` moved by `count` characters of `text`, not beyond `limit`.
std::uint32_t forward(std::string_view text, std::uint32_t at, std::uint32_t count, std::uint32_t limit) {
  for (; count > 0 && at < limit; --count) at += static_cast<std::uint32_t>(char_length(text[at]));
  return std::min(at, limit);
}
std::uint32_t backward(std::string_view text, std::uint32_t at, std::uint32_t count, std::uint32_t limit) {
  for (; count > 0 && at > limit; --count) at = static_cast<std::uint32_t>(previous_char(text, at));
  return std::max(at, limit);
}

}  // namespace

ByteLevelProcessing::ByteLevelProcessing(const json::Fields& fields)
    : trim_(fields.get_bool("trim_offsets").value_or(true)),
      add_prefix_space_(fields.get_bool("add_prefix_space").value_or(true)) {}

void ByteLevelProcessing::process(std::string_view text, const TokenLookup& tokens, bool, Encoding& encoding) const {
  if (!trim_ || !encoding.has_offsets) return;
  for (std::size_t i = 0; i < encoding.ids.size(); ++i) {
    ByteRange& range = encoding.offsets[i];
    // An added token may have taken whitespace along, which its own spelling does not show.
    const Spaces spaces =
        count_spaces(tokens.is_added(encoding.ids[i]) ? text.substr(range.begin, range.end - range.begin)
                                                      : tokens.id_to_token(encoding.ids[i]));
    // One space at the start of the text is the one that add_prefix_space put there: it has no place in the input.
    const bool own = (i == 0 || range.begin == 0) && add_prefix_space_ && spaces.before == 1;
    range.begin = forward(text, range.begin, own ? 0 : spaces.before, range.end);
    if (range.end >= spaces.after) range.end = backward(text, range.end, spaces.after, range.begin);
  }
}

}  // namespace skald::text
