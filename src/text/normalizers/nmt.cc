#include "text/normalizers/types.h"
#include "text/utf8_walk.h"

namespace skald::text {
namespace {

bool is_dropped(char32_t c) {
  return (c >= 1 && c <= 8) || c == 0xb || (c >= 0xe && c <= 0x1f) || c == 0x7f || c == 0x8f || c == 0x9f;
}

bool becomes_space(char32_t c) {
  return c == '\t' || c == '\n' || c == '\f' || c == '\r' || c == 0x1680 || (c >= 0x200b && c <= 0x200f) ||
         c == 0x2028 || c == 0x2029 || c == 0x2581 || c == 0xfeff || c == 0xfffd;
}

}  // namespace

bool Nmt::normalize(const Piece& in, AlignedText& out) const {
  bool changed = false;
  for_each_char(in.text, [&](char32_t c, std::size_t begin, std::size_t end) {
    if (is_dropped(c)) {
      changed = true;
    } else if (becomes_space(c)) {
      changed = true;
      out.append(' ', in.origin(begin, end));
    } else {
      out.append(in, begin, end);
    }
  });
  return changed;
}

}  // namespace skald::text
