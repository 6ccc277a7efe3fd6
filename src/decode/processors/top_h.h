// top_h: of the 100 best tokens, the best until their share of the entropy exceeds h; at least one. Baghaei Potraghloo
// et al. 2025, https://arxiv.org/abs/2509.02510 . Reference: TopHLogitsWarper.
#pragma once

#include <cmath>
#include <memory>

#include "decode/processor.h"

namespace skald::decode {

class TopH final : public LogitsProcessor {
 public:
  explicit TopH(double h) : h_(h) {}
  void apply(const StepContext& /*step*/, Candidates& candidates) override {
    constexpr std::size_t kConsidered = 100;
    candidates.top_k(kConsidered);
    const auto best = candidates.best(kConsidered);
    if (best.empty()) return;
    const Distribution now = distribution_of(best);
    double share = 0;
    std::size_t kept = 0;
    for (; kept < best.size(); ++kept) {
      const double log_p = now.log_p(best[kept].logit);
      const double p = std::exp(log_p);
      share -= p * log_p;
      if (kept > 0 && (p == 0 || static_cast<float>(share) > static_cast<float>(now.entropy * h_))) break;
    }
    candidates.keep_best(kept);
  }
  [[nodiscard]] std::string_view name() const override { return "top_h"; }
  [[nodiscard]] std::unique_ptr<LogitsProcessor> clone() const override { return std::make_unique<TopH>(*this); }
  [[nodiscard]] bool keeps_argmax() const override { return true; }

 private:
  double h_;
};

}  // namespace skald::decode
