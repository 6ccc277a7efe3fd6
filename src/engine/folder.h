// What a model, in a folder or a file, says beside its weights.
#pragma once

#include <string>

#include "skald/generation_config.h"
#include "skald/model.h"
#include "text/tokenizer.h"

namespace skald::engine {

/// Throws PathError where `path` is no folder, GGUF file or PyTorch checkpoint.
void require_model(const std::string& path);

/// Where the tokenizer and other small files of a model lie: `path` itself, or the folder of a checkpoint named by
/// itself.
std::string folder_of(const std::string& path);

/// generation_config.json, else the legacy settings in config.json; special tokens that the former leaves out come from
/// the latter. Throws OptionError for settings that are out of range or not available.
GenerationConfig read_model_generation_config(const std::string& path);

/// Whether the folder, or the GGUF file, has a tokenizer.
bool has_tokenizer_file(const std::string& path);

/// Whether it has a chat template.
bool has_chat_template(const std::string& path);

/// Throws FormatError where a token of the tokenizer's own vocabulary has no row among the model's `n_rows` embeddings.
/// Added tokens may lie beyond (some checkpoints ship a pad token so): a prompt that holds one is refused.
void check_tokenizer_fits(const text::Tokenizer& tokenizer, std::int64_t n_rows, const std::string& path);

}  // namespace skald::engine
