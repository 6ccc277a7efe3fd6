// The tokenizer of a GGUF file, in the words of a checkpoint's tokenizer.json and tokenizer_config.json.
#pragma once

#include <optional>

#include "formats/gguf.h"
#include "json/value.h"

namespace skald {

struct GgufTokenizer {
  json::Value tokenizer;  // tokenizer.json
  json::Value config;     // tokenizer_config.json: the tokens with a role
};

/// Nothing where the file has no tokenizer. Throws FormatError where its tables do not fit each other, UnsupportedError
/// for a kind that is not known (tokenizer.ggml.model, tokenizer.ggml.pre), with the known ones.
std::optional<GgufTokenizer> read_gguf_tokenizer(const GgufFile& file);

/// The chat template, in Jinja; nothing where the file has none.
std::optional<std::string_view> read_gguf_chat_template(const GgufFile& file);

}  // namespace skald
