// The pre-tokenizers that cut by the class of single characters.
#include "base/utf8.h"
#include "text/pre_tokenizers/types.h"
#include "text/stage.h"
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

void Digits::split(const Piece& piece, AlignedText&, PieceSink out) const {
  split_at_flag(piece, kIsNumeric, behavior_, out);
}

PunctuationSplit::PunctuationSplit(const json::Fields& fields)
    : behavior_(read_delimiter(fields, "behavior", Delimiter::isolated)) {}

void PunctuationSplit::split(const Piece& piece, AlignedText&, PieceSink out) const {
  split_at_flag(piece, kIsPunctuation, behavior_, out);
}

void WhitespaceSplit::split(const Piece& piece, AlignedText&, PieceSink out) const {
  split_at_flag(piece, kIsSpace, Delimiter::removed, out);
}

void BertPreTokenizer::split(const Piece& piece, AlignedText&, PieceSink out) const {
  std::size_t word = 0;  // where it begins
  for_each_char(piece.text, [&](char32_t c, std::size_t begin, std::size_t end) {
    const bool space = is_space(c);
    if (!space && !has_flag(c, kIsPunctuation)) return;
    if (word < begin) out(piece.slice(word, begin));
    if (!space) out(piece.slice(begin, end));
    word = end;
  });
  if (word < piece.text.size()) out(piece.slice(word, piece.text.size()));
}

CharDelimiterSplit::CharDelimiterSplit(const json::Fields& fields) {
  append_utf8(delimiter_, need_char(fields, "delimiter"));
}

void CharDelimiterSplit::split(const Piece& piece, AlignedText&, PieceSink out) const {
  std::size_t begin = 0;
  for (std::size_t at = piece.text.find(delimiter_); at != std::string_view::npos;
       at = piece.text.find(delimiter_, begin)) {
    out(piece.slice(begin, at));
    begin = at + delimiter_.size();
  }
  out(piece.slice(begin, piece.text.size()));
}

FixedLength::FixedLength(const json::Fields& fields)
    : length_(static_cast<std::size_t>(fields.get_integer("length", 1, std::int64_t{1} << 31).value_or(5))) {}

void FixedLength::split(const Piece& piece, AlignedText&, PieceSink out) const {
  std::size_t first = 0, count = 0;
  for_each_char(piece.text, [&](char32_t, std::size_t, std::size_t end) {
    if (++count < length_) return;
    out(piece.slice(first, end));
    first = end;
    count = 0;
  });
  out(piece.slice(first, piece.text.size()));
}

void UnicodeScripts::split(const Piece& piece, AlignedText&, PieceSink out) const {
  std::size_t first = piece.text.size();
  std::uint8_t script = 0;  // of what begins at `first`
  for_each_char(piece.text, [&](char32_t c, std::size_t begin, std::size_t) {
    const std::uint8_t next = script_class(c);
    if (next == 0 || next == script) return;
    if (script != 0) out(piece.slice(first, begin));
    first = begin;
    script = next;
  });
  out(piece.slice(first, piece.text.size()));
}

void Whitespace::split(const Piece& piece, AlignedText&, PieceSink out) const {
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
