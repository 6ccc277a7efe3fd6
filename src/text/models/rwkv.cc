#include "text/models/rwkv.h"

#include "text/escaped_bytes.h"

namespace skald::text {

Rwkv::Rwkv(const json::Fields& fields) : vocabulary_(fields, "vocab"), unknown_(fields, -1) {
  vocabulary_.require_short_tokens(fields);
  std::vector<std::string> bytes;
  std::vector<ByteTrie::Entry> entries;
  bytes.reserve(vocabulary_.size());  // entries point into them
  for (TokenId id = 0; id < vocabulary_.id_limit(); ++id) {
    if (!vocabulary_.contains(id)) continue;
    const auto plain = unescape_bytes(vocabulary_.token(id));
    if (!plain) fields.fail("vocab", "token " + std::to_string(id) + " has an escape that is none");
    bytes.push_back(*plain);
    entries.push_back({bytes.back(), id});
  }
  trie_ = ByteTrie(std::move(entries));
}

void Rwkv::tokenize(std::string_view word, Scratch&, std::vector<WordToken>& out) const {
  for (std::uint32_t at = 0; at < word.size();) {
    std::uint32_t longest = 1;
    TokenId found = -1;
    trie_.for_each_prefix(word.substr(at), [&](std::size_t length, TokenId id) {
      if (is_excluded(id)) return;
      longest = static_cast<std::uint32_t>(length);
      found = id;
    });
    out.push_back({found >= 0 ? found : unknown_.id(word.substr(at, 1)), at, at + longest});
    at += longest;
  }
}

}  // namespace skald::text
