// What the files beside tokenizer.json say about tokens: which have a role, and which are added.
// Reference: PreTrainedTokenizerBase._from_pretrained and TokenizersBackend.__init__ of transformers 5.23.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "json/fields.h"
#include "text/tokenizer.h"

namespace skald::text {

/// Flags and content of an added token; throws FormatError. `id` is left to the caller.
AddedToken read_added_token(const json::Fields& fields);

struct TokenSettings {
  /// Tokens that are found in the text whether tokenizer.json lists them or not, ascending by the id that the file
  /// gives them; one that is no token yet takes the next free id instead, as in the reference.
  std::vector<AddedToken> added;
  /// Tokens with a role and further special ones; those that only the model's vocabulary has are found in the text too.
  std::vector<AddedToken> special;
  std::optional<std::string> bos, eos, pad, unk;
};

/// Reads tokenizer_config.json, and where it has no `added_tokens_decoder` special_tokens_map.json (whose roles come
/// first) and added_tokens.json, of `folder`, whichever is there. `usual` names the roles where these do not.
TokenSettings read_token_settings(const std::string& folder, const json::Value& usual = json::Object{});

/// The same from a parsed tokenizer_config.json alone; `file` names it in errors.
TokenSettings read_token_settings(const json::Value& tokenizer_config, const std::string& file);

}  // namespace skald::text
