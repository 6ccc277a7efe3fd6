// dynatemp_range, dynatemp_exponent: l / t with t in [T - range, T + range], the larger the more even the distribution
// is: t = low + (high - low) * (H / ln n)^exponent, H the entropy of the n candidates. Reference: llama.cpp,
// llama_sampler_init_temp_ext.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

#include "decode/processor.h"

namespace skald::decode {

class DynamicTemperature final : public LogitsProcessor {
 public:
  DynamicTemperature(double temperature, double range, double exponent)
      : low_(std::max(0.0, temperature - range)), high_(temperature + range), exponent_(exponent) {}

  void apply(const StepContext& /*step*/, Candidates& candidates) override {
    constexpr double kColdest = 1e-6;  // below it only the best token is left, as at 0
    std::size_t n = 0;
    candidates.for_each(
        [&](TokenId, float logit) { n += static_cast<std::size_t>(logit > -std::numeric_limits<float>::infinity()); });
    if (n < 2) return;
    const double evenness = std::max(0.0, candidates.distribution().entropy / std::log(static_cast<double>(n)));
    const double t = low_ + (high_ - low_) * std::pow(evenness, exponent_);
    if (t < kColdest) {
      candidates.keep_best(candidates.best(1).size());
    } else {
      candidates.transform([t = static_cast<float>(t)](float logit) { return logit / t; });
    }
  }
  [[nodiscard]] std::string_view name() const override { return "dynatemp_range"; }
  [[nodiscard]] std::unique_ptr<LogitsProcessor> clone() const override {
    return std::make_unique<DynamicTemperature>(*this);
  }
  [[nodiscard]] bool keeps_argmax() const override { return true; }

 private:
  double low_, high_, exponent_;
};

}  // namespace skald::decode
