// banned_strings: texts that never appear in what is generated.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "decode/constraints/token_matcher.h"
#include "decode/processor.h"

namespace skald::decode {

/// The tokens that complete a banned text, from every state of the search. Shared by all sequences of a call.
class BannedTexts {
 public:
  BannedTexts(const text::TokenBytes& bytes, const std::vector<std::string>& texts, std::size_t vocab_size);

  [[nodiscard]] const TokenMatcher& matcher() const { return matcher_; }
  /// Takes out the tokens that complete a text after `state`.
  void remove(TokenMatcher::State state, Candidates& candidates) const;
  /// The tokens that have a whole banned text in them.
  [[nodiscard]] const std::vector<TokenId>& always() const { return always_; }

 private:
  TokenMatcher matcher_;
  std::vector<TokenId> always_;    // they hold a whole text
  std::vector<TokenId> at_start_;  // the same of the first token, where that one's text differs
};

/// Takes out every token whose bytes would complete a banned text in the continuation's text, across tokens too.
class BannedText final : public LogitsProcessor {
 public:
  explicit BannedText(std::shared_ptr<const BannedTexts> texts)
      : texts_(std::move(texts)), states_{texts_->matcher().start()} {}

  void apply(const StepContext& /*step*/, Candidates& candidates) override {
    texts_->remove(states_.back(), candidates);
  }
  void accept(TokenId token) override { states_.push_back(texts_->matcher().walk(states_.back(), token).state); }
  void rewind(std::int64_t n_tokens) override { states_.resize(states_.size() - static_cast<std::size_t>(n_tokens)); }
  [[nodiscard]] std::unique_ptr<LogitsProcessor> clone() const override { return std::make_unique<BannedText>(*this); }
  [[nodiscard]] std::string_view name() const override { return "banned_strings"; }
  [[nodiscard]] bool may_leave_none() const override { return true; }

 private:
  std::shared_ptr<const BannedTexts> texts_;
  std::vector<TokenMatcher::State> states_;  // before each token, and now
};

}  // namespace skald::decode
