#include "decode/constraints/banned_text.h"

namespace skald::decode {
namespace {

std::vector<SoughtText> forbidden(const std::vector<std::string>& texts) {
  std::vector<SoughtText> sought;
  sought.reserve(texts.size());
  for (const std::string& text : texts) sought.push_back({.text = text, .forbidden = true});
  return sought;
}

std::vector<TokenId> forbidden_of(const TokenMatcher& matcher, std::span<const TokenMatcher::OutcomeId> outcomes) {
  std::vector<TokenId> tokens;
  for (std::size_t t = 0; t < outcomes.size(); ++t) {
    if (matcher.outcomes()[outcomes[t]].forbidden) tokens.push_back(static_cast<TokenId>(t));
  }
  return tokens;
}

}  // namespace

BannedTexts::BannedTexts(const text::TokenBytes& bytes, const std::vector<std::string>& texts, std::size_t vocab_size)
    : matcher_(bytes, forbidden(texts), vocab_size),
      always_(forbidden_of(matcher_, matcher_.from_root())),
      at_start_(forbidden_of(matcher_, matcher_.from_start())) {}

void BannedTexts::remove(TokenMatcher::State state, Candidates& candidates) const {
  for (const TokenId token : state == TokenMatcher::kStart ? at_start_ : always_) candidates.remove(token);
  for (const TokenMatcher::Deviation& deviation : matcher_.deviations(state)) {
    if (deviation.outcome.forbidden) candidates.remove(deviation.token);
  }
}

}  // namespace skald::decode
