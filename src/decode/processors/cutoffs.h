// epsilon_cutoff: tokens with p >= epsilon stay. eta_cutoff: those with p >= min(epsilon, sqrt(epsilon) *
// exp(-entropy)). The best token always stays. Hewitt et al. 2022, https://arxiv.org/abs/2210.15191 . Reference:
// EpsilonLogitsWarper, EtaLogitsWarper.
#pragma once

#include <algorithm>
#include <cmath>
#include <memory>

#include "decode/processor.h"

namespace skald::decode {

class EpsilonCutoff final : public LogitsProcessor {
 public:
  explicit EpsilonCutoff(double epsilon) : epsilon_(static_cast<float>(epsilon)) {}
  void apply(const StepContext& /*step*/, Candidates& candidates) override {
    const Distribution now = candidates.distribution();
    candidates.keep_if([&](float l) { return std::exp(now.log_p(l)) >= epsilon_ || l >= now.max; });
  }
  [[nodiscard]] std::unique_ptr<LogitsProcessor> clone() const override {
    return std::make_unique<EpsilonCutoff>(*this);
  }
  [[nodiscard]] bool keeps_argmax() const override { return true; }

 private:
  float epsilon_;
};

class EtaCutoff final : public LogitsProcessor {
 public:
  explicit EtaCutoff(double epsilon) : epsilon_(epsilon) {}
  void apply(const StepContext& /*step*/, Candidates& candidates) override {
    const Distribution now = candidates.distribution();
    const auto eta = static_cast<float>(std::min(epsilon_, std::sqrt(epsilon_) * std::exp(-now.entropy)));
    candidates.keep_if([&](float l) { return std::exp(now.log_p(l)) >= eta || l >= now.max; });
  }
  [[nodiscard]] std::unique_ptr<LogitsProcessor> clone() const override { return std::make_unique<EtaCutoff>(*this); }
  [[nodiscard]] bool keeps_argmax() const override { return true; }

 private:
  double epsilon_;
};

}  // namespace skald::decode
