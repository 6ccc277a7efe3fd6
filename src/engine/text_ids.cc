#include "engine/text_ids.h"

#include <variant>

#include "skald/error.h"

namespace skald::engine {

std::vector<TokenId> text_ids(const Prompt& text, const text::Tokenizer* tokenizer, std::int64_t vocab_size,
                              const std::string& name, bool add_special_tokens) {
  std::vector<TokenId> ids;
  if (const auto* const words = std::get_if<std::string>(&text)) {
    if (tokenizer == nullptr) {
      throw OptionError(
          {.field = name, .value = {}, .rule = "is text, and this model's folder has no tokenizer: give token ids"});
    }
    ids = tokenizer->encode(*words, {.add_special_tokens = add_special_tokens, .offsets = false}).ids;
  } else {
    ids = std::get<std::vector<TokenId>>(text);
  }
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] >= 0 && ids[i] < vocab_size) continue;
    throw OptionError({.field = name + "[" + std::to_string(i) + "]",
                       .value = std::to_string(ids[i]),
                       .rule = "must be in [0, " + std::to_string(vocab_size) + ")"});
  }
  return ids;
}

void check_text_length(std::int64_t length, std::int64_t limit, const std::string& name) {
  if (limit == 0 || length <= limit) return;
  throw LimitError({.field = name,
                    .value = std::to_string(length) + " tokens",
                    .rule = "is longer than the model's " + std::to_string(limit) + " positions"});
}

}  // namespace skald::engine
