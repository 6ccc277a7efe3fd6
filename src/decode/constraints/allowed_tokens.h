// allowed_tokens: nothing else is generated. prefix_allowed_tokens_fn: a caller's code says at each step what may come.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "decode/processor.h"
#include "skald/error.h"
#include "skald/hooks.h"

namespace skald::decode {

class OnlyTokens final : public LogitsProcessor {
 public:
  /// `allowed`: [vocab_size].
  explicit OnlyTokens(std::shared_ptr<const std::vector<bool>> allowed) : allowed_(std::move(allowed)) {}
  void apply(const StepContext& /*step*/, Candidates& candidates) override {
    candidates.remove_if([&](TokenId token) { return !(*allowed_)[static_cast<std::size_t>(token)]; });
  }
  [[nodiscard]] std::unique_ptr<LogitsProcessor> clone() const override { return std::make_unique<OnlyTokens>(*this); }
  [[nodiscard]] std::string_view name() const override { return "allowed_tokens"; }

 private:
  std::shared_ptr<const std::vector<bool>> allowed_;
};

/// Reference: PrefixConstrainedLogitsProcessor of transformers 5.23. Where all allowed tokens are out already, they
/// come back with logit 0 (there: only where that is so of all beams of a prompt). An empty list is an error.
class PrefixAllowed final : public LogitsProcessor {
 public:
  /// `n_completions`: of a prompt.
  PrefixAllowed(AllowedTokens allowed, std::int64_t n_completions)
      : allowed_(std::move(allowed)), n_completions_(n_completions) {}

  void apply(const StepContext& step, Candidates& candidates) override {
    const StepView view{.prompt_index = step.row / n_completions_,
                        .index = step.row % n_completions_,
                        .token_ids = step.history,
                        .prompt_length = step.prompt_length};
    const std::vector<TokenId> tokens = allowed_(view);
    if (tokens.empty()) fail("an empty list for prompt " + std::to_string(view.prompt_index));
    candidates.edit([&](std::span<float> logits) { keep(tokens, logits); });
  }
  [[nodiscard]] std::unique_ptr<LogitsProcessor> clone() const override {
    return std::make_unique<PrefixAllowed>(*this);
  }
  [[nodiscard]] std::string_view name() const override { return "prefix_allowed_tokens_fn"; }

 private:
  [[noreturn]] static void fail(std::string returned) {
    throw OptionError({.field = "prefix_allowed_tokens_fn",
                       .value = std::move(returned),
                       .rule = "must return at least one token of the model: nothing else can come next"});
  }
  void keep(const std::vector<TokenId>& tokens, std::span<float> logits) {
    constexpr float kOut = -std::numeric_limits<float>::infinity();
    kept_.clear();
    bool any = false;
    for (const TokenId token : tokens) {
      if (token < 0 || static_cast<std::size_t>(token) >= logits.size()) fail("token " + std::to_string(token));
      kept_.push_back(logits[static_cast<std::size_t>(token)]);
      any = any || kept_.back() > kOut;
    }
    std::fill(logits.begin(), logits.end(), kOut);
    for (std::size_t i = 0; i < tokens.size(); ++i) logits[static_cast<std::size_t>(tokens[i])] = any ? kept_[i] : 0;
  }

  AllowedTokens allowed_;
  std::int64_t n_completions_;
  std::vector<float> kept_ = {};
};

}  // namespace skald::decode
