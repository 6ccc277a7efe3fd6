#include "text/normalizers/types.h"
#include "text/utf8_walk.h"

namespace skald::text {
namespace {

// Appends the normal form of in[begin, end). Origins as in `tokenizers`: a character that begins a source character has
// the origin of the next one not yet used, in text order, also where marks were reordered.
void append_normalized(const Piece& in, std::size_t begin, std::size_t end, NormalForm form, AlignedText& out) {
  std::u32string characters;
  std::vector<ByteRange> origins;
  for_each_char(in.text.substr(begin, end - begin), [&](char32_t c, std::size_t from, std::size_t to) {
    characters += c;
    origins.push_back(in.origin(begin + from, begin + to));
  });
  std::size_t next = 0;
  for (const NormalizedChar& c : normalize(characters, form)) {
    const std::size_t source = c.change > 0 ? (next > 0 ? next - 1 : 0) : next;
    out.append(c.code_point, origins[std::min(source, origins.size() - 1)]);
    if (c.change <= 0) next += 1 + static_cast<std::size_t>(-c.change);
  }
}

}  // namespace

bool UnicodeNormalizer::normalize(const Piece& in, AlignedText& out) const {
  // The text is cut before inert characters: what lies between two cuts is normalised alone.
  const std::string_view text = in.text;
  std::size_t copied = 0;  // [0, copied) is in `out`
  std::size_t cut = 0;     // the last cut
  bool inert = true;       // everything after the cut is one inert character
  const auto flush = [&](std::size_t end) {
    if (inert) return;
    out.append(in, copied, cut);
    append_normalized(in, cut, end, form_, out);
    copied = end;
  };
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = char_length(text[i]);
    if (length == 1 || is_inert(char_at(text.data() + i, length), form_)) {
      flush(i);
      cut = i;
      inert = true;
    } else {
      inert = false;
    }
    i += length;
  }
  flush(text.size());
  if (copied == 0) return false;
  out.append(in, copied, text.size());
  return true;
}

}  // namespace skald::text
