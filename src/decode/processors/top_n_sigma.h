// top_n_sigma: the logits that are at most n standard deviations below the largest. Tang et al. 2024,
// https://arxiv.org/abs/2411.07641 . Reference: llama.cpp, llama_sampler_init_top_n_sigma.
#pragma once

#include <cmath>
#include <limits>
#include <memory>

#include "decode/processor.h"

namespace skald::decode {

class TopNSigma final : public LogitsProcessor {
 public:
  explicit TopNSigma(double n) : n_(n) {}
  void apply(const StepContext& /*step*/, Candidates& candidates) override {
    const float max = candidates.max();
    double count = 0, sum = 0, squares = 0;  // of what lies below the largest
    candidates.for_each([&](TokenId, float logit) {
      if (logit == -std::numeric_limits<float>::infinity()) return;
      const double below = static_cast<double>(max) - logit;
      count += 1;
      sum += below;
      squares += below * below;
    });
    if (count < 2) return;
    const double mean = sum / count;
    const double sigma = std::sqrt(std::max(0.0, squares / count - mean * mean));
    candidates.keep_from(static_cast<float>(max - n_ * sigma));
  }
  [[nodiscard]] std::string_view name() const override { return "top_n_sigma"; }
  [[nodiscard]] std::unique_ptr<LogitsProcessor> clone() const override { return std::make_unique<TopNSigma>(*this); }
  [[nodiscard]] bool keeps_argmax() const override { return true; }

 private:
  double n_;  // > 0
};

}  // namespace skald::decode
