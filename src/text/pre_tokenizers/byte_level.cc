#include "text/normalizers/types.h"  // append_byte_level
#include "text/pre_tokenizers/types.h"
#include "text/scanners/known.h"

namespace skald::text {

ByteLevel::ByteLevel(const json::Fields& fields)
    : add_prefix_space_(fields.get_bool("add_prefix_space").value_or(true)) {
  if (fields.get_bool("use_regex").value_or(true)) pattern_ = make_scanner(kGpt2Pattern);
}

void ByteLevel::split(const Piece& piece, AlignedText& buffer, PieceSink out) const {
  if (!add_prefix_space_ || piece.text.starts_with(' ')) return cut(piece, out);
  buffer.clear();
  buffer.append(" ", piece.origin(0, 1));
  buffer.append(piece, 0, piece.text.size());
  cut(buffer.piece(), out);
}

void ByteLevel::cut(const Piece& piece, PieceSink out) const {
  const auto put = [&](const Piece& word) {
    if (keep_bytes_) return out(word);
    AlignedText mapped;
    append_byte_level(word, mapped);
    out(mapped.piece());
  };
  if (!pattern_) return put(piece);
  Splitter splitter(piece, Delimiter::isolated, /*invert=*/false, put);
  pattern_->find(piece.text, [&](std::size_t begin, std::size_t end) { splitter.match(begin, end); });
  splitter.finish();
}

}  // namespace skald::text
