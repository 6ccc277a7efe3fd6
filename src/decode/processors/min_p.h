// min_p: token i stays iff p_i >= p * max_j p_j. Nguyen et al. 2024, https://arxiv.org/abs/2407.01082
#pragma once

#include <algorithm>
#include <cmath>
#include <memory>

#include "decode/processor.h"

namespace skald::decode {

class MinP final : public LogitsProcessor {
 public:
  /// At least `keep` tokens stay.
  explicit MinP(double p, std::size_t keep = 1) : log_p_(static_cast<float>(std::log(p))), keep_(keep) {}
  void apply(const StepContext& /*step*/, Candidates& candidates) override {
    const float least = candidates.max() + log_p_;
    if (keep_ == 1 || candidates.kth_largest(keep_) >= least) return candidates.keep_from(least);
    candidates.keep_best(candidates.best(keep_).size());
  }
  [[nodiscard]] std::string_view name() const override { return "min_p"; }
  [[nodiscard]] std::unique_ptr<LogitsProcessor> clone() const override { return std::make_unique<MinP>(*this); }
  [[nodiscard]] bool keeps_argmax() const override { return true; }

 private:
  float log_p_;  // <= 0
  std::size_t keep_;
};

}  // namespace skald::decode
