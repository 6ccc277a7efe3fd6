#include "engine/forced_words.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "engine/token_checks.h"
#include "skald/error.h"

namespace skald::engine {
namespace {

void append(std::string_view option, const std::optional<std::vector<ForcedWord>>& words, std::int64_t vocab_size,
            std::vector<ForcedWord>& out) {
  if (!words) return;
  for (const ForcedWord& word : *words) {
    for (const auto& phrase : word.alternatives) {
      check_ids(option, phrase, vocab_size);
    }
    out.push_back(word);
  }
}

}  // namespace

std::vector<ForcedWord> forced_words(const GenerationConfig& config, const text::Tokenizer* tokenizer,
                                     std::int64_t vocab_size) {
  std::vector<ForcedWord> words;
  append("constraints", config.constraints, vocab_size, words);
  append("force_words_ids", config.force_words_ids, vocab_size, words);
  for (const std::string& text : config.force_words.value_or(std::vector<std::string>{})) {
    if (tokenizer == nullptr) {
      throw OptionError({.field = "force_words",
                         .value = quoted(text),
                         .rule = "needs a tokenizer, and this model's folder has none: give force_words_ids"});
    }
    std::vector<TokenId> ids = tokenizer->encode(text, {.add_special_tokens = false}).ids;
    if (ids.empty()) {
      throw OptionError({.field = "force_words", .value = quoted(text), .rule = "is no token of this model"});
    }
    words.push_back({.alternatives = {std::move(ids)}});
  }
  return words;
}

void check_fits(const std::vector<ForcedWord>& words, std::int64_t max_new_tokens) {
  for (const ForcedWord& word : words) {
    const auto shortest = std::ranges::min(word.alternatives, {}, &std::vector<TokenId>::size).size();
    if (static_cast<std::int64_t>(shortest) <= max_new_tokens) continue;
    throw OptionError({.field = "force_words_ids",
                       .value = std::to_string(shortest) + " tokens",
                       .rule = "a phrase must fit into max_new_tokens, " + std::to_string(max_new_tokens)});
  }
}

}  // namespace skald::engine
