#include "base/utf8.h"
#include "text/pre_tokenizers/types.h"
#include "text/stage.h"
#include "text/utf8_walk.h"

namespace skald::text {

Metaspace::Metaspace(const json::Fields& fields) {
  append_utf8(replacement_, need_char(fields, "replacement"));
  split_ = fields.get_bool("split").value_or(true);
  const std::string scheme = fields.get_string("prepend_scheme").value_or("always");
  if (scheme != "never" && scheme != "first" && scheme != "always") {
    fields.fail("prepend_scheme", "must be never, first or always");
  }
  prepend_ = scheme == "never"   ? PrependScheme::never
             : scheme == "first" ? PrependScheme::first
                                 : PrependScheme::always;
  // The older spelling of "never".
  if (fields.get_bool("add_prefix_space").value_or(true) || prepend_ == PrependScheme::never) return;
  if (fields.has("prepend_scheme")) fields.fail("add_prefix_space", "contradicts prepend_scheme " + scheme);
  prepend_ = PrependScheme::never;
}

void Metaspace::split(const Piece& piece, AlignedText& buffer, PieceSink out) const {
  buffer.clear();
  const ByteRange first = piece.origin(0, char_length(piece.text[0]));
  const bool wanted = prepend_ == PrependScheme::always || (prepend_ == PrependScheme::first && first.begin == 0);
  if (wanted && piece.text[0] != ' ' && !piece.text.starts_with(replacement_)) buffer.append(replacement_, first);
  std::size_t copied = 0;
  for (std::size_t space = piece.text.find(' '); space != std::string_view::npos;
       space = piece.text.find(' ', copied)) {
    buffer.append(piece, copied, space);
    buffer.append(replacement_, piece.origin(space, space + 1));
    copied = space + 1;
  }
  buffer.append(piece, copied, piece.text.size());
  const Piece whole = buffer.piece();
  if (!split_) return out(whole);
  Splitter splitter(whole, Delimiter::merged_with_next, /*invert=*/false, out);
  for (std::size_t at = whole.text.find(replacement_); at != std::string_view::npos;
       at = whole.text.find(replacement_, at + replacement_.size())) {
    splitter.match(at, at + replacement_.size());
  }
  splitter.finish();
}

}  // namespace skald::text
