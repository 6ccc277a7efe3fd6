#include "text/detokenizer.h"

#include "text/parts.h"

namespace skald::text {

struct Detokenizer::State {
  State(const Tokenizer::Parts& tokenizer, bool skip_special)
      : parts(tokenizer), skip_special_tokens(skip_special), stream(tokenizer.decoder) {}

  void push(TokenId id) {
    const std::string_view token = parts.spelling(id);
    if (token.empty() || (skip_special_tokens && parts.is_special(id))) return;
    stream.push(token, text);
  }

  const Tokenizer::Parts& parts;
  bool skip_special_tokens;
  DecoderChain::Stream stream;
  std::string text;  // of the last call
};

Detokenizer::Detokenizer(const Tokenizer& tokenizer, bool skip_special_tokens)
    : state_(std::make_unique<State>(*tokenizer.parts_, skip_special_tokens)) {}
Detokenizer::Detokenizer(const Detokenizer& other) : state_(std::make_unique<State>(*other.state_)) {}
Detokenizer& Detokenizer::operator=(const Detokenizer& other) {
  if (this != &other) *this = Detokenizer(other);
  return *this;
}
Detokenizer::Detokenizer(Detokenizer&&) noexcept = default;
Detokenizer& Detokenizer::operator=(Detokenizer&&) noexcept = default;
Detokenizer::~Detokenizer() = default;

std::string_view Detokenizer::push(TokenId id) {
  state_->text.clear();
  state_->push(id);
  return state_->text;
}

std::string_view Detokenizer::finish() {
  state_->text.clear();
  state_->stream.finish(state_->text);
  state_->stream = DecoderChain::Stream(state_->parts.decoder);
  return state_->text;
}

std::string Tokenizer::decode(std::span<const TokenId> ids, bool skip_special_tokens) const {
  DecoderChain::Stream stream(parts_->decoder);
  std::string text;
  for (const TokenId id : ids) {
    const std::string_view token = parts_->spelling(id);
    if (token.empty() || (skip_special_tokens && parts_->is_special(id))) continue;
    stream.push(token, text);
  }
  stream.finish(text);
  return text;
}

}  // namespace skald::text
