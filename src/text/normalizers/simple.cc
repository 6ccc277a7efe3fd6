// The normalizers that look at one character at a time.
#include <algorithm>

#include "text/normalizers/types.h"
#include "text/utf8_walk.h"

namespace skald::text {

bool Lowercase::normalize(const Piece& in, AlignedText& out) const {
  bool changed = false;
  for_each_char(in.text, [&](char32_t c, std::size_t begin, std::size_t end) {
    const char32_t lower = lower_case(c);
    changed = changed || lower != c;
    out.append(lower, in.origin(begin, end));
    if (c == 0x130) out.append(U'\u0307', in.origin(begin, end));
  });
  return changed;
}

StripSpaces::StripSpaces(const json::Fields& fields)
    : left_(fields.get_bool("strip_left").value_or(false)), right_(fields.get_bool("strip_right").value_or(false)) {}

bool StripSpaces::normalize(const Piece& in, AlignedText& out) const {
  std::size_t begin = 0, end = in.text.size();
  while (left_ && begin < end) {
    const std::size_t length = char_length(in.text[begin]);
    if (!is_space(char_at(in.text.data() + begin, length))) break;
    begin += length;
  }
  while (right_ && end > begin) {
    const std::size_t last = previous_char(in.text, end);
    if (!is_space(char_at(in.text.data() + last, end - last))) break;
    end = last;
  }
  if (begin == 0 && end == in.text.size()) return false;
  out.append(in, begin, end);
  return true;
}

bool StripAccents::normalize(const Piece& in, AlignedText& out) const {
  bool changed = false;
  for_each_char(in.text, [&](char32_t c, std::size_t begin, std::size_t end) {
    if (has_flag(c, kIsAccent)) {
      changed = true;
    } else {
      out.append(in, begin, end);
    }
  });
  return changed;
}

ReplacePattern::ReplacePattern(const json::Fields& fields)
    : pattern_(make_pattern(fields)), content_(fields.need_string("content")) {}

bool ReplacePattern::normalize(const Piece& in, AlignedText& out) const {
  std::size_t copied = 0;
  bool changed = false;
  pattern_->find(in.text, [&](std::size_t begin, std::size_t end) {
    changed = true;
    out.append(in, copied, begin);
    copied = end;
    // The new text has the place of the character before its end; before all characters it has none of its own.
    const ByteRange origin = end > 0 ? in.origin(previous_char(in.text, end), end) : ByteRange{in.start, in.start};
    out.append(content_, origin);
  });
  if (changed) out.append(in, copied, in.text.size());
  return changed;
}

bool Prepend::normalize(const Piece& in, AlignedText& out) const {
  out.append(text_, in.origin(0, char_length(in.text[0])));
  out.append(in, 0, in.text.size());
  return true;
}

void append_byte_level(const Piece& piece, AlignedText& out) {
  for_each_char(piece.text, [&](char32_t, std::size_t begin, std::size_t end) {
    const ByteRange origin = piece.origin(begin, end);
    for (std::size_t i = begin; i < end; ++i) {
      out.append(byte_to_char(static_cast<std::uint8_t>(piece.text[i])), origin);
    }
  });
}

bool ByteLevelNormalizer::normalize(const Piece& in, AlignedText& out) const {
  append_byte_level(in, out);
  return true;
}

}  // namespace skald::text
