// What a model folder says beside its weights.
#pragma once

#include <string>

#include "skald/generation_config.h"
#include "skald/model.h"
#include "text/tokenizer.h"

namespace skald::engine {

/// generation_config.json, else the legacy settings in config.json; special tokens that the former leaves out come from
/// the latter. Throws OptionError for settings that are out of range or not available.
GenerationConfig read_model_generation_config(const std::string& folder);

/// Whether the folder has a tokenizer.
bool has_tokenizer_file(const std::string& folder);

/// Throws FormatError where a token of the tokenizer's own vocabulary has no row among the model's `n_rows` embeddings.
/// Added tokens may lie beyond (some checkpoints ship a pad token so): a prompt that holds one is refused.
void check_tokenizer_fits(const text::Tokenizer& tokenizer, std::int64_t n_rows, const std::string& folder);

}  // namespace skald::engine
