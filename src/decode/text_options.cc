#include "decode/text_options.h"

#include <algorithm>

#include "skald/error.h"

namespace skald::decode {
namespace {

void need_tokenizer(const text::Tokenizer* tokenizer, std::string_view option) {
  if (tokenizer != nullptr) return;
  throw OptionError({.field = std::string(option), .rule = "has texts, and this model's folder has no tokenizer"});
}

}  // namespace

std::vector<LogitBias> token_biases(const std::vector<LogitBias>& biases, const text::Tokenizer* tokenizer) {
  std::vector<LogitBias> out;
  for (const LogitBias& bias : biases) {
    if (bias.text.empty()) {
      out.push_back(bias);
      continue;
    }
    need_tokenizer(tokenizer, "logit_bias");
    const std::size_t n_before = out.size();
    for (TokenId token = 0; token < tokenizer->id_limit(); ++token) {
      const std::string word = tokenizer->token_bytes(token);
      if (word == bias.text || (word.starts_with(' ') && std::string_view(word).substr(1) == bias.text)) {
        out.push_back({.token = token, .bias = bias.bias});
      }
    }
    if (out.size() > n_before) continue;
    throw OptionError({.field = "logit_bias",
                       .value = quoted(bias.text),
                       .rule = "is no single token of this model: give texts that are one, or ids"});
  }
  return out;
}

std::shared_ptr<const SequenceBreakers> dry_breakers(const GenerationConfig& config, const text::Tokenizer* tokenizer) {
  if (config.dry_multiplier.value_or(0) == 0) return nullptr;
  if (config.dry_sequence_breakers) need_tokenizer(tokenizer, "dry_sequence_breakers");
  const auto texts = config.dry_sequence_breakers.value_or(std::vector<std::string>{"\n", ":", "\"", "*"});
  if (tokenizer == nullptr || texts.empty()) return nullptr;
  return std::make_shared<const SequenceBreakers>(sequence_breakers(*tokenizer, texts));
}

}  // namespace skald::decode
