// min_p: token i stays iff p_i >= p * max_j p_j. Nguyen et al. 2024, https://arxiv.org/abs/2407.01082
#pragma once

#include <cmath>
#include <memory>

#include "decode/processor.h"

namespace skald::decode {

class MinP final : public LogitsProcessor {
 public:
  explicit MinP(double p) : log_p_(static_cast<float>(std::log(p))) {}
  void apply(const StepContext& /*step*/, Candidates& candidates) override {
    candidates.keep_if([least = candidates.max() + log_p_](float logit) { return logit >= least; });
  }
  [[nodiscard]] std::unique_ptr<LogitsProcessor> clone() const override { return std::make_unique<MinP>(*this); }
  [[nodiscard]] bool keeps_argmax() const override { return true; }

 private:
  float log_p_;  // <= 0
};

}  // namespace skald::decode
