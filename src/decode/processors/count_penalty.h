// frequency_penalty, presence_penalty: the logit of a token that was generated c > 0 times loses frequency * c +
// presence. The prompt does not count. As in OpenAI's API.
#pragma once

#include <memory>
#include <unordered_map>

#include "decode/processor.h"

namespace skald::decode {

class CountPenalty final : public LogitsProcessor {
 public:
  CountPenalty(double frequency, double presence)
      : frequency_(static_cast<float>(frequency)), presence_(static_cast<float>(presence)) {}
  void apply(const StepContext& step, Candidates& candidates) override {
    counts_.clear();
    for (const TokenId token : step.history.subspan(static_cast<std::size_t>(step.prompt_length))) ++counts_[token];
    for (const auto& entry : counts_) {
      const auto count = static_cast<float>(entry.second);
      candidates.update(entry.first, [&](float logit) { return logit - frequency_ * count - presence_; });
    }
  }
  [[nodiscard]] std::string_view name() const override { return "frequency_penalty"; }
  [[nodiscard]] std::unique_ptr<LogitsProcessor> clone() const override {
    return std::make_unique<CountPenalty>(*this);
  }

 private:
  float frequency_, presence_;
  std::unordered_map<TokenId, std::int32_t> counts_;
};

}  // namespace skald::decode
