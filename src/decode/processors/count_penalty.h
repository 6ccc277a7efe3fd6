// frequency_penalty, presence_penalty: the logit of a token that was seen c > 0 times loses frequency * c + presence.
// As in OpenAI's API, where the prompt does not count; in llama.cpp it does.
#pragma once

#include <memory>
#include <utility>

#include "decode/processor.h"
#include "decode/processors/token_window.h"

namespace skald::decode {

class CountPenalty final : public LogitsProcessor {
 public:
  CountPenalty(double frequency, double presence, TokenWindow seen)
      : frequency_(static_cast<float>(frequency)), presence_(static_cast<float>(presence)), seen_(std::move(seen)) {}

  void apply(const StepContext& step, Candidates& candidates) override {
    for (const TokenWindow::Count& seen : seen_.follow(step.history)) {
      const float penalty = frequency_ * static_cast<float>(seen.n) + presence_;
      candidates.update(seen.token, [penalty](float logit) { return logit - penalty; });
    }
  }
  void accept(TokenId /*token*/) override { seen_.accept(); }
  void rewind(std::int64_t n_tokens) override { seen_.rewind(n_tokens); }
  [[nodiscard]] std::string_view name() const override { return "frequency_penalty"; }
  [[nodiscard]] std::unique_ptr<LogitsProcessor> clone() const override {
    return std::make_unique<CountPenalty>(*this);
  }

 private:
  float frequency_, presence_;
  TokenWindow seen_;
};

}  // namespace skald::decode
