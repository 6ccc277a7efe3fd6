// forced_bos_token_id, forced_eos_token_id: at one length only these tokens. Reference: ForcedBOSTokenLogitsProcessor,
// ForcedEOSTokenLogitsProcessor.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "decode/processor.h"

namespace skald::decode {

class ForcedTokens final : public LogitsProcessor {
 public:
  /// `length`: of the history after which they come.
  ForcedTokens(std::vector<TokenId> tokens, std::int64_t length) : tokens_(std::move(tokens)), length_(length) {}
  void apply(const StepContext& step, Candidates& candidates) override {
    if (static_cast<std::int64_t>(step.history.size()) == length_) candidates.force(tokens_);
  }
  [[nodiscard]] std::string_view name() const override { return "forced_tokens"; }
  [[nodiscard]] std::unique_ptr<LogitsProcessor> clone() const override {
    return std::make_unique<ForcedTokens>(*this);
  }

 private:
  std::vector<TokenId> tokens_;
  std::int64_t length_;
};

}  // namespace skald::decode
