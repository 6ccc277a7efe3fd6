// encoder_repetition_penalty: r > 1 makes tokens of the encoder's input (of a decoder alone: of the prompt) more
// likely. Reference: EncoderRepetitionPenaltyLogitsProcessor.
#pragma once

#include <algorithm>
#include <memory>
#include <vector>

#include "decode/processor.h"

namespace skald::decode {

class EncoderRepetitionPenalty final : public LogitsProcessor {
 public:
  EncoderRepetitionPenalty(double penalty, std::vector<TokenId> input)
      : factor_(static_cast<float>(1 / penalty)), tokens_(std::move(input)) {
    std::ranges::sort(tokens_);
    tokens_.erase(std::unique(tokens_.begin(), tokens_.end()), tokens_.end());
  }
  void apply(const StepContext& /*step*/, Candidates& candidates) override {
    for (const TokenId token : tokens_) {
      candidates.update(token, [r = factor_](float logit) { return logit < 0 ? logit * r : logit / r; });
    }
  }
  [[nodiscard]] std::string_view name() const override { return "encoder_repetition_penalty"; }
  [[nodiscard]] std::unique_ptr<LogitsProcessor> clone() const override {
    return std::make_unique<EncoderRepetitionPenalty>(*this);
  }

 private:
  float factor_;
  std::vector<TokenId> tokens_;  // each once
};

}  // namespace skald::decode
