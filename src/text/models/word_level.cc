#include "text/models/word_level.h"

namespace skald::text {

WordLevel::WordLevel(const json::Fields& fields)
    : vocabulary_(fields, "vocab"), unknown_(fields, vocabulary_.find(fields.need_string("unk_token"))) {}

void WordLevel::tokenize(std::string_view word, Scratch& scratch, std::vector<WordToken>& out) const {
  TokenId id = vocabulary_.find(word);
  if (id < 0 || (scratch.plain && is_excluded(id))) id = unknown_.id(word);
  out.push_back({id, 0, static_cast<std::uint32_t>(word.size())});
}

}  // namespace skald::text
