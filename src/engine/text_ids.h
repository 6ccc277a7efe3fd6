// From a text of the caller's to token ids that a model can read.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "models/decoder_model.h"
#include "skald/model.h"
#include "text/tokenizer.h"

namespace skald::engine {

/// Text is encoded, with the tokenizer's special tokens or without; ids are taken as they are. `tokenizer`: null for
/// ids only. Throws OptionError, which calls the text `name`.
std::vector<TokenId> text_ids(const Prompt& text, const text::Tokenizer* tokenizer, std::int64_t vocab_size,
                              const std::string& name, bool add_special_tokens = true);

/// Throws LimitError for more tokens than the model has positions, as far as it has a limit.
void check_text_length(std::int64_t length, std::int64_t limit, const std::string& name);

}  // namespace skald::engine
