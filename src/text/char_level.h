// Tokenizers that give one token to each character, as FundamentaLLM stores them:
//   {"char_to_id": {"<PAD>": 0, "<UNK>": 1, "<BOS>": 2, "<EOS>": 3, "\n": 4, ...}, "special_tokens": ["<PAD>", ...]}
#pragma once

#include <string>

#include "json/value.h"

namespace skald::text {

[[nodiscard]] bool is_char_level(const json::Value& tokenizer);

/// The same as a tokenizer.json of Hugging Face: BPE without merges. "<UNK>" stands for characters that are not there,
/// and is shown by decode(); the other special tokens are left out. Throws FormatError for a key that is neither one
/// character nor a special token.
json::Value as_tokenizer_json(const json::Value& tokenizer, const std::string& file);

}  // namespace skald::text
