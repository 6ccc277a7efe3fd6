#include <algorithm>

#include "skald/error.h"
#include "text/pre_tokenizers/types.h"

namespace skald::text {

Delimiter read_delimiter(const json::Fields& fields, std::string_view key, Delimiter absent) {
  constexpr std::string_view kNames[] = {"Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"};
  const auto name = fields.get_string(key);
  if (!name) return absent;
  const auto it = std::find(std::begin(kNames), std::end(kNames), *name);
  if (it == std::end(kNames)) {
    fields.fail(key, "must be Removed, Isolated, MergedWithPrevious, MergedWithNext or Contiguous");
  }
  return static_cast<Delimiter>(it - std::begin(kNames));
}

bool Splitter::joins(bool delimiter) const {
  switch (behavior_) {
    case Delimiter::contiguous: return delimiter == last_was_delimiter_;
    case Delimiter::merged_with_previous: return delimiter && !last_was_delimiter_;
    case Delimiter::merged_with_next: return !delimiter && last_was_delimiter_;
    default: return false;
  }
}

void Splitter::step_merging(std::size_t begin, std::size_t end, bool delimiter) {
  if (behavior_ == Delimiter::removed) {
    if (!delimiter) out_(piece_.slice(begin, end));
    return;
  }
  if (pending_ && joins(delimiter)) {
    pending_end_ = end;
  } else {
    if (pending_) out_(piece_.slice(pending_begin_, pending_end_));
    pending_ = true;
    pending_begin_ = begin;
    pending_end_ = end;
  }
  last_was_delimiter_ = delimiter;
}

void Splitter::finish() {
  if (at_ < piece_.text.size()) step(at_, piece_.text.size(), invert_);
  if (pending_) out_(piece_.slice(pending_begin_, pending_end_));
}

Split::Split(const json::Fields& fields) : pattern_(make_pattern(fields)) {
  if (!fields.has("behavior")) fields.fail("behavior", "must be given");
  behavior_ = read_delimiter(fields, "behavior", Delimiter::isolated);
  invert_ = fields.get_bool("invert").value_or(false);
}

void Split::split(const Piece& piece, AlignedText&, PieceSink out) const {
  Splitter splitter(piece, behavior_, invert_, out);
  pattern_->find(piece.text, [&](std::size_t begin, std::size_t end) { splitter.match(begin, end); });
  splitter.finish();
}

}  // namespace skald::text
