// The pre-tokenizers that cut by the class of single characters.
#include "text/pre_tokenizers/types.h"
#include "text/unicode.h"
#include "text/utf8_walk.h"

namespace skald::text {
namespace {

void split_at_flag(const Piece& piece, CharFlag flag, Delimiter behavior, PieceSink out) {
  Splitter splitter(piece, behavior, /*invert=*/false, out);
  for_each_char(piece.text, [&](char32_t c, std::size_t begin, std::size_t end) {
    if (has_flag(c, flag)) splitter.match(begin, end);
  });
  splitter.finish();
}

}  // namespace

Digits::Digits(const json::Fields& fields)
    : behavior_(fields.get_bool("individual_digits").value_or(false) ? Delimiter::isolated : Delimiter::contiguous) {}

void Digits::split(const Piece& piece, PieceSink out) const { split_at_flag(piece, kIsNumeric, behavior_, out); }

PunctuationSplit::PunctuationSplit(const json::Fields& fields)
    : behavior_(read_delimiter(fields, "behavior", Delimiter::isolated)) {}

void PunctuationSplit::split(const Piece& piece, PieceSink out) const {
  split_at_flag(piece, kIsPunctuation, behavior_, out);
}

void WhitespaceSplit::split(const Piece& piece, PieceSink out) const {
  split_at_flag(piece, kIsSpace, Delimiter::removed, out);
}

void Whitespace::split(const Piece& piece, PieceSink out) const {
  enum class Run { none, word, other } run = Run::none;
  std::size_t begin_of_run = 0;
  const auto change = [&](Run next, std::size_t at) {
    if (next == run) return;
    if (run != Run::none) out(piece.slice(begin_of_run, at));
    run = next;
    begin_of_run = at;
  };
  for_each_char(piece.text, [&](char32_t c, std::size_t begin, std::size_t) {
    change(has_flag(c, kIsCrateWord) ? Run::word : is_space(c) ? Run::none : Run::other, begin);
  });
  change(Run::none, piece.text.size());
}

}  // namespace skald::text
