// epsilon_cutoff: tokens with p >= epsilon stay. eta_cutoff: those with p >= min(epsilon, sqrt(epsilon) *
// exp(-entropy)). The best tokens always stay. Hewitt et al. 2022, https://arxiv.org/abs/2210.15191 . Reference:
// EpsilonLogitsWarper, EtaLogitsWarper.
#pragma once

#include <algorithm>
#include <cmath>
#include <memory>

#include "decode/processor.h"

namespace skald::decode {

class EpsilonCutoff final : public LogitsProcessor {
 public:
  /// At least `keep` tokens stay.
  explicit EpsilonCutoff(double epsilon, std::size_t keep = 1) : epsilon_(static_cast<float>(epsilon)), keep_(keep) {}
  void apply(const StepContext& /*step*/, Candidates& candidates) override {
    const Distribution now = candidates.distribution();
    const float kth = candidates.kth_largest(keep_);
    candidates.keep_if([&](float l) { return std::exp(now.log_p(l)) >= epsilon_ || l >= kth; });
  }
  [[nodiscard]] std::string_view name() const override { return "epsilon_cutoff"; }
  [[nodiscard]] std::unique_ptr<LogitsProcessor> clone() const override {
    return std::make_unique<EpsilonCutoff>(*this);
  }
  [[nodiscard]] bool keeps_argmax() const override { return true; }

 private:
  float epsilon_;
  std::size_t keep_;
};

class EtaCutoff final : public LogitsProcessor {
 public:
  /// At least `keep` tokens stay.
  explicit EtaCutoff(double epsilon, std::size_t keep = 1) : epsilon_(epsilon), keep_(keep) {}
  void apply(const StepContext& /*step*/, Candidates& candidates) override {
    const Distribution now = candidates.distribution();
    const auto eta = static_cast<float>(std::min(epsilon_, std::sqrt(epsilon_) * std::exp(-now.entropy)));
    const float kth = candidates.kth_largest(keep_);
    candidates.keep_if([&](float l) { return std::exp(now.log_p(l)) >= eta || l >= kth; });
  }
  [[nodiscard]] std::string_view name() const override { return "eta_cutoff"; }
  [[nodiscard]] std::unique_ptr<LogitsProcessor> clone() const override { return std::make_unique<EtaCutoff>(*this); }
  [[nodiscard]] bool keeps_argmax() const override { return true; }

 private:
  double epsilon_;
  std::size_t keep_;
};

}  // namespace skald::decode
