// suppress_tokens: never. begin_suppress_tokens: not as the first token generated. Reference:
// SuppressTokensLogitsProcessor, SuppressTokensAtBeginLogitsProcessor.
#pragma once

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "decode/processor.h"

namespace skald::decode {

class SuppressTokens final : public LogitsProcessor {
 public:
  /// `only_at`: length of the history at which they are out; none: always.
  explicit SuppressTokens(std::vector<TokenId> tokens, std::optional<std::int64_t> only_at = {})
      : tokens_(std::move(tokens)), only_at_(only_at) {}
  void apply(const StepContext& step, Candidates& candidates) override {
    if (only_at_ && static_cast<std::int64_t>(step.history.size()) != *only_at_) return;
    for (const TokenId token : tokens_) candidates.remove(token);
  }
  [[nodiscard]] std::string_view name() const override { return "suppress_tokens"; }
  [[nodiscard]] std::unique_ptr<LogitsProcessor> clone() const override {
    return std::make_unique<SuppressTokens>(*this);
  }

 private:
  std::vector<TokenId> tokens_;
  std::optional<std::int64_t> only_at_;
};

}  // namespace skald::decode
