// Diverse beam search: tokens that the groups before chose at the same step are less likely. Reference: transformers
// 4.49, HammingDiversityLogitsProcessor.
#pragma once

#include <algorithm>
#include <memory>
#include <string_view>

#include "decode/processor.h"

namespace skald::decode {

class DiversityPenalty final : public LogitsProcessor {
 public:
  explicit DiversityPenalty(double penalty) : penalty_(static_cast<float>(penalty)) {}

  void apply(const StepContext& step, Candidates& candidates) override {
    for (auto token = step.group_tokens.begin(); token != step.group_tokens.end(); ++token) {
      if (std::find(step.group_tokens.begin(), token, *token) != token) continue;  // counted where it came first
      const auto count = static_cast<float>(std::count(token, step.group_tokens.end(), *token));
      candidates.update(*token, [&](float logit) { return logit - penalty_ * count; });
    }
  }
  [[nodiscard]] std::string_view name() const override { return "diversity_penalty"; }
  [[nodiscard]] std::unique_ptr<LogitsProcessor> clone() const override {
    return std::make_unique<DiversityPenalty>(*this);
  }

 private:
  float penalty_;
};

}  // namespace skald::decode
