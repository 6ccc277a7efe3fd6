// The last token of a prompt may cut a word where its tokenizer would not have: it is chosen anew (option
// token_healing). Reference: transformers, GenerationMixin.heal_tokens.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "skald/generation_config.h"
#include "skald/model.h"
#include "text/tokenizer.h"

namespace skald::engine {

/// A prompt whose last token is to be chosen anew.
struct Healing {
  std::vector<TokenId> ids;         // without it, where there is a choice; else the whole prompt
  TokenId tail = -1;                // -1: there is no choice
  std::vector<TokenId> extensions;  // the tokens that begin with its text, itself among them
};

/// Whitespace at the ends of the text (that of the ids, where they are given) is dropped, and it is cut into tokens
/// anew. `n_ids`: tokens that the model has.
Healing begin_healing(const Prompt& prompt, const text::Tokenizer& tokenizer, std::int64_t n_ids);

/// Of the call that chooses: one token, greedily, the old one slightly favoured. It sees the model as `config` does.
GenerationConfig healing_config(const Healing& healing, const GenerationConfig& config);

/// What `chosen` says beyond the old token.
std::string healed_text(const Healing& healing, TokenId chosen, const text::Tokenizer& tokenizer);

}  // namespace skald::engine
