// Samplers and penalties as a function: what options make of logits, without a model.
#pragma once

#include <cstdint>
#include <span>

#include "skald/export.h"
#include "skald/generation_config.h"

namespace skald {

/// Where the logits stand in a text.
struct LogitsPlace {
  std::span<const TokenId> token_ids = {};      // prompt and what was generated
  std::int64_t prompt_length = 0;               // of token_ids
  std::int64_t max_length = 0;                  // of token_ids in the end, for forced_eos_token_id; 0: not known
  std::span<const TokenId> encoder_input = {};  // of an encoder-decoder; of a decoder alone its prompt
  std::int64_t min_tokens_to_keep = 1;          // that filters leave, in [1, vocab_size]
};

/// Changes logits [vocab_size] as generation with `config` would before it chooses a token; a token that is taken out
/// gets -inf. The filters of sampling act where do_sample is set. Options that ask a model or a tokenizer have no
/// effect. Throws OptionError for options that are none, or token ids outside the vocabulary.
SKALD_API void process_logits(const GenerationConfig& config, const LogitsPlace& place, std::span<float> logits);

}  // namespace skald
