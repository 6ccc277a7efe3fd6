// The phrases that constrained beam search works on, from the options.
#pragma once

#include <cstdint>
#include <vector>

#include "skald/generation_config.h"
#include "text/tokenizer.h"

namespace skald::engine {

/// Those of constraints, force_words_ids and force_words, in this order. Throws OptionError for tokens that the model
/// does not have and for texts that make no tokens.
std::vector<ForcedWord> forced_words(const GenerationConfig& config, const text::Tokenizer* tokenizer,
                                     std::int64_t vocab_size);

/// Throws OptionError where a word has more tokens than are generated.
void check_fits(const std::vector<ForcedWord>& words, std::int64_t max_new_tokens);

}  // namespace skald::engine
