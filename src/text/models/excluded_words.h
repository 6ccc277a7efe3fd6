// Tokens that must not come out of a word that spells them.
#pragma once

#include <vector>

#include "text/vocabulary.h"

namespace skald::text {

class ExcludedWords {
 public:
  /// `ids` of a vocabulary whose ids are below `limit`; others are of no word. Anything may be the `unknown` token.
  void set(const std::vector<TokenId>& ids, TokenId limit, TokenId unknown) {
    excluded_.assign(static_cast<std::size_t>(limit), false);
    for (const TokenId id : ids) {
      if (id < limit && id != unknown) excluded_[static_cast<std::size_t>(id)] = true;
    }
  }
  [[nodiscard]] bool has(TokenId id) const { return !excluded_.empty() && excluded_[static_cast<std::size_t>(id)]; }

 private:
  std::vector<bool> excluded_;  // by id
};

}  // namespace skald::text
