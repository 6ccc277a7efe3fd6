// exponential_decay_length_penalty (start, f): once more than `start` tokens are generated, the logit l of every
// end-of-sequence token becomes l + |l| * (f^(tokens beyond start) - 1). Reference: ExponentialDecayLengthPenalty.
#pragma once

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>
#include <vector>

#include "decode/processor.h"

namespace skald::decode {

class ExponentialDecay final : public LogitsProcessor {
 public:
  ExponentialDecay(LengthDecay decay, std::int64_t prompt_length, std::vector<TokenId> eos)
      : start_(prompt_length + decay.start), factor_(decay.factor), eos_(std::move(eos)) {
    std::ranges::sort(eos_);  // an id that is listed twice counts once
    eos_.erase(std::unique(eos_.begin(), eos_.end()), eos_.end());
  }
  void apply(const StepContext& step, Candidates& candidates) override {
    const std::int64_t beyond = static_cast<std::int64_t>(step.history.size()) - start_;
    if (beyond <= 0) return;
    const auto gain = static_cast<float>(std::pow(factor_, static_cast<double>(beyond)) - 1);
    for (const TokenId token : eos_) {
      candidates.update(token, [&](float l) { return std::isfinite(l) ? l + std::abs(l) * gain : l; });
    }
  }
  [[nodiscard]] std::string_view name() const override { return "exponential_decay_length_penalty"; }
  [[nodiscard]] std::unique_ptr<LogitsProcessor> clone() const override {
    return std::make_unique<ExponentialDecay>(*this);
  }

 private:
  std::int64_t start_;  // length of the history, prompt included
  double factor_;
  std::vector<TokenId> eos_;
};

}  // namespace skald::decode
