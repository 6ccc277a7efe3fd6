// typical_p: the tokens whose surprise -ln p is nearest to the entropy, until they hold probability `mass`. Meister et
// al. 2022, https://arxiv.org/abs/2202.00666 . Reference: TypicalLogitsWarper.
#pragma once

#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "decode/processor.h"

namespace skald::decode {

class TypicalP final : public LogitsProcessor {
 public:
  /// At least `keep` tokens stay.
  explicit TypicalP(double mass, std::size_t keep = 1) : mass_(mass), keep_(keep) {}

  void apply(const StepContext& /*step*/, Candidates& candidates) override {
    const Distribution now = candidates.distribution();
    shifts_.clear();
    candidates.for_each([&](TokenId, float logit) {
      const float log_p = now.log_p(logit);
      if (log_p > -std::numeric_limits<float>::infinity()) {
        shifts_.push_back({std::abs(-log_p - static_cast<float>(now.entropy)), std::exp(log_p)});
      }
    });
    if (shifts_.empty()) return;
    const float farthest = reach();
    candidates.keep_if(
        [&](float logit) { return std::abs(-now.log_p(logit) - static_cast<float>(now.entropy)) <= farthest; });
  }
  [[nodiscard]] std::string_view name() const override { return "typical_p"; }
  [[nodiscard]] std::unique_ptr<LogitsProcessor> clone() const override { return std::make_unique<TypicalP>(*this); }

 private:
  struct Shift {
    float distance;  // |-ln p - entropy|
    float p;
  };

  // The distance at which the nearest tokens first hold the mass. Only the nearest are put in order, in growing
  // portions: mostly few tokens hold it.
  float reach() {
    const auto nearer = [](const Shift& a, const Shift& b) { return a.distance < b.distance; };
    std::size_t ordered = 0;
    double held = 0;
    for (std::size_t i = 0; i < shifts_.size(); ++i) {
      if (i == ordered) {
        const auto begin = shifts_.begin() + static_cast<std::ptrdiff_t>(ordered);
        ordered = std::min(shifts_.size(), std::max<std::size_t>(64, 4 * ordered));
        const auto end = shifts_.begin() + static_cast<std::ptrdiff_t>(ordered);
        if (end != shifts_.end()) std::nth_element(begin, end - 1, shifts_.end(), nearer);
        std::sort(begin, end, nearer);
      }
      held += shifts_[i].p;
      if (held >= mass_ && i + 1 >= keep_) return shifts_[i].distance;
    }
    return shifts_.back().distance;
  }

  double mass_;
  std::size_t keep_;
  std::vector<Shift> shifts_;
};

}  // namespace skald::decode
