#include "text/grapheme.h"

#include "text/unicode.h"
#include "text/utf8_walk.h"

namespace skald::text {
namespace {

constexpr char32_t kJoiner = 0x200d;

char32_t char_of(std::string_view text, std::size_t at) { return char_at(text.data() + at, char_length(text[at])); }

bool is_control(char32_t c) {
  constexpr std::uint32_t kControls = bit(kCc) | bit(kCf) | bit(kZl) | bit(kZp);
  return in_categories(c, kControls) && !has_flag(c, kJoinsCluster) && !has_flag(c, kPrependsCluster);
}

}  // namespace

std::size_t cluster_end(std::string_view text, std::size_t at) {
  char32_t c = char_of(text, at);
  std::size_t end = at + char_length(text[at]);
  if (c == '\r') return end < text.size() && text[end] == '\n' ? end + 1 : end;
  if (is_control(c)) return end;
  bool after_pictogram = has_flag(c, kIsPictogram);  // and then only what joins
  while (end < text.size()) {
    const char32_t next = char_of(text, end);
    const bool joins = has_flag(next, kJoinsCluster);
    const bool prepended = has_flag(c, kPrependsCluster) && !is_control(next);
    const bool joined = after_pictogram && c == kJoiner && has_flag(next, kIsPictogram);
    if (!joins && !prepended && !joined) break;
    after_pictogram = joins ? after_pictogram : has_flag(next, kIsPictogram);
    end += char_length(text[end]);
    c = next;
  }
  return end;
}

}  // namespace skald::text
