#include "text/models/wordpiece.h"

#include <algorithm>

namespace skald::text {
namespace {

bool has_more_chars(std::string_view word, std::size_t limit) {
  if (word.size() <= limit) return false;
  const auto begins = [](char c) { return (c & 0xc0) != 0x80; };
  return static_cast<std::size_t>(std::ranges::count_if(word, begins)) > limit;
}

}  // namespace

WordPiece::WordPiece(const json::Fields& fields)
    : vocabulary_(fields, "vocab"),
      unknown_(fields, vocabulary_.find(fields.get_string("unk_token").value_or("[UNK]"))),
      max_chars_(static_cast<std::size_t>(
          fields.get_integer("max_input_chars_per_word", 1, std::int64_t{1} << 31).value_or(100))) {
  vocabulary_.require_short_tokens(fields);
  const std::string prefix = fields.get_string("continuing_subword_prefix").value_or("##");
  std::vector<ByteTrie::Entry> initial, continuing;
  for (TokenId id = 0; id < vocabulary_.id_limit(); ++id) {
    const std::string_view token = vocabulary_.token(id);
    initial.push_back({token, id});
    if (token.starts_with(prefix)) continuing.push_back({token.substr(prefix.size()), id});
  }
  initial_ = ByteTrie(std::move(initial));
  continuing_ = ByteTrie(std::move(continuing));
}

void WordPiece::tokenize(std::string_view word, Scratch& scratch, std::vector<WordToken>& out) const {
  const std::size_t before = out.size();
  const auto end = static_cast<std::uint32_t>(word.size());
  bool known = !has_more_chars(word, max_chars_);
  for (std::uint32_t at = 0; known && at < end;) {
    std::uint32_t longest = 0;
    TokenId id = -1;
    const ByteTrie& trie = at == 0 ? initial_ : continuing_;
    trie.for_each_prefix(word.substr(at), [&](std::size_t length, TokenId token) {
      if (scratch.plain && is_excluded(token)) return;
      longest = static_cast<std::uint32_t>(length);
      id = token;
    });
    known = id >= 0;
    if (known) out.push_back({id, at, at + longest});
    at += longest;
  }
  if (known) return;
  out.resize(before);
  out.push_back({unknown_.id(word), 0, end});
}

}  // namespace skald::text
