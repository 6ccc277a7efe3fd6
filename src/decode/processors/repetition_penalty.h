// repetition_penalty: l of every token seen in prompt or output becomes l * r where negative, l / r else; each token
// once, however often it was seen. Keskar et al. 2019, https://arxiv.org/abs/1909.05858
#pragma once

#include <memory>
#include <utility>

#include "decode/processor.h"
#include "decode/processors/token_window.h"

namespace skald::decode {

class RepetitionPenalty final : public LogitsProcessor {
 public:
  RepetitionPenalty(double penalty, TokenWindow seen) : penalty_(static_cast<float>(penalty)), seen_(std::move(seen)) {}

  void apply(const StepContext& step, Candidates& candidates) override {
    for (const TokenWindow::Count& seen : seen_.follow(step.history)) {
      candidates.update(seen.token, [r = penalty_](float logit) { return logit < 0 ? logit * r : logit / r; });
    }
  }
  void accept(TokenId /*token*/) override { seen_.accept(); }
  void rewind(std::int64_t n_tokens) override { seen_.rewind(n_tokens); }
  [[nodiscard]] std::string_view name() const override { return "repetition_penalty"; }
  [[nodiscard]] std::unique_ptr<LogitsProcessor> clone() const override {
    return std::make_unique<RepetitionPenalty>(*this);
  }

 private:
  float penalty_;
  TokenWindow seen_;
};

}  // namespace skald::decode
