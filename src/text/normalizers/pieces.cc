#include "text/normalizers/types.h"
#include "text/utf8_walk.h"

namespace skald::text {
namespace {

constexpr std::string_view kVisibleSpace = "\u2581";

}  // namespace

PieceNormalizer::PieceNormalizer(const json::Fields& fields)
    : charsmap_(read_charsmap(fields)),
      add_space_(fields.get_bool("add_dummy_prefix").value_or(true)),
      one_space_(fields.get_bool("remove_extra_whitespaces").value_or(true)),
      space_behind_(fields.get_bool("treat_whitespace_as_suffix").value_or(false)),
      space_(fields.get_bool("escape_whitespaces").value_or(true) ? kVisibleSpace : " ") {
  const json::Value* const list = fields.find("user_defined");
  if (list == nullptr || list->is_null()) return;
  if (!list->is_array()) fields.fail("user_defined", "must be an array of strings");
  std::vector<ByteTrie::Entry> entries;
  for (const json::Value& item : list->as_array()) {
    if (!item.is_string()) fields.fail("user_defined", "must be an array of strings");
    entries.push_back({item.as_string(), 0});
  }
  user_defined_ = ByteTrie(std::move(entries));
}

PieceNormalizer::Step PieceNormalizer::step(std::string_view text) const {
  if (const std::size_t length = user_defined_.longest_prefix(text); length > 0)
    return {length, text.substr(0, length)};
  if (const auto rule = charsmap_.longest(text)) return {rule->length, rule->text};
  const std::size_t length = char_length(text[0]);
  return {length, text.substr(0, length)};
}

bool PieceNormalizer::normalize(const Piece& in, AlignedText& out) const {
  std::size_t at = 0;
  while (one_space_ && at < in.text.size()) {
    const Step next = step(in.text.substr(at));
    if (next.text != " ") break;
    at += next.length;
  }
  if (at == in.text.size()) return true;  // nothing but spaces is nothing
  if (add_space_ && !space_behind_) out.append(space_, in.origin(at, at + 1));
  bool after_space = one_space_;
  while (at < in.text.size()) {
    Step next = step(in.text.substr(at));
    const ByteRange origin = in.origin(at, at + next.length);
    while (after_space && next.text.starts_with(' ')) next.text.remove_prefix(1);
    if (!next.text.empty()) after_space = one_space_ && next.text.ends_with(' ');
    std::size_t copied = 0;
    for (std::size_t space = next.text.find(' '); space != std::string_view::npos;
         space = next.text.find(' ', copied)) {
      out.append(next.text.substr(copied, space - copied), origin);
      out.append(space_, origin);
      copied = space + 1;
    }
    out.append(next.text.substr(copied), origin);
    at += next.length;
  }
  while (one_space_ && out.piece().text.ends_with(space_)) out.drop_last(space_.size());
  if (add_space_ && space_behind_) out.append(space_, in.origin(in.text.size() - 1, in.text.size()));
  return true;
}

}  // namespace skald::text
