#include "engine/token_healing.h"

#include <algorithm>
#include <string_view>
#include <variant>

#include "base/utf8.h"
#include "text/token_bytes.h"
#include "text/unicode.h"

namespace skald::engine {
namespace {

// Without the whitespace at its ends.
std::string_view stripped(std::string_view text) {
  std::size_t begin = text.size(), end = 0;
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = std::max<std::size_t>(1, utf8_sequence_length(text.substr(i)));
    if (!text::is_space(decode_utf8(text.substr(i), length))) {
      begin = std::min(begin, i);
      end = i + length;
    }
    i += length;
  }
  return begin < end ? text.substr(begin, end - begin) : std::string_view();
}

bool is_utf8(std::string_view bytes) { return first_invalid_utf8(bytes) == bytes.size(); }

}  // namespace

Healing begin_healing(const Prompt& prompt, const text::Tokenizer& tokenizer, std::int64_t n_ids) {
  const auto* const given = std::get_if<std::string>(&prompt);
  const std::string text = given != nullptr
                               ? *given
                               : tokenizer.decode(std::get<std::vector<TokenId>>(prompt), /*skip_special_tokens=*/true);
  Healing healing{.ids = tokenizer.encode(stripped(text)).ids, .extensions = {}};
  if (healing.ids.size() < 2 || tokenizer.is_special(healing.ids.back())) return healing;
  const TokenId tail = healing.ids.back();
  const std::string_view bytes = tokenizer.bytes().of(tail);
  if (bytes.empty()) return healing;
  for (const TokenId token : tokenizer.bytes().starting_with(bytes)) {
    const bool fits = token < n_ids && is_utf8(tokenizer.bytes().of(token).substr(bytes.size()));
    if (fits) healing.extensions.push_back(token);
  }
  if (healing.extensions.size() < 2) return healing;
  healing.tail = tail;
  healing.ids.pop_back();
  return healing;
}

GenerationConfig healing_config(const Healing& healing, const GenerationConfig& config) {
  GenerationConfig one;
  one.max_new_tokens = 1;
  one.do_sample = false;
  one.allowed_tokens = std::vector<TextOrIds>{healing.extensions};
  one.logit_bias = std::vector<LogitBias>{{.token = healing.tail, .text = {}, .bias = 1}};
  one.num_beams = one.num_return_sequences = 1;
  one.adapter = config.adapter;
  one.adapter_scale = config.adapter_scale;
  one.control_vectors = config.control_vectors;
  one.control_layers = config.control_layers;
  return one;
}

std::string healed_text(const Healing& healing, TokenId chosen, const text::Tokenizer& tokenizer) {
  return std::string(tokenizer.bytes().of(chosen).substr(tokenizer.bytes().of(healing.tail).size()));
}

}  // namespace skald::engine
