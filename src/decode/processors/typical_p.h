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
    const auto distance = [&now](float log_p) { return std::abs(-log_p - static_cast<float>(now.entropy)); };
    candidates.for_each([&](TokenId token, float logit) {
      const float log_p = now.log_p(logit);
      if (log_p == -std::numeric_limits<float>::infinity()) return;
      shifts_.push_back({distance(log_p), std::exp(log_p), token});
    });
    if (shifts_.empty()) return;
    const float farthest = shifts_[last_to_stay()].distance;
    const std::size_t keep = std::min(keep_, shifts_.size());
    if (shifts_[keep - 1].distance > farthest) return keep_nearest(keep, candidates);
    candidates.keep_if([&](float logit) { return distance(now.log_p(logit)) <= farthest; });
  }
  [[nodiscard]] std::string_view name() const override { return "typical_p"; }
  [[nodiscard]] std::unique_ptr<LogitsProcessor> clone() const override { return std::make_unique<TypicalP>(*this); }

 private:
  struct Shift {
    float distance;  // |-ln p - entropy|
    float p;
    TokenId token;
  };

  // The place of the token with which the nearest first hold the mass. Only the nearest are put in order, in growing
  // portions: mostly few tokens hold it.
  std::size_t last_to_stay() {
    const auto nearer = [](const Shift& a, const Shift& b) {
      return a.distance != b.distance ? a.distance < b.distance : a.token < b.token;
    };
    std::size_t ordered = 0;
    double held = 0;
    for (std::size_t i = 0; i < shifts_.size(); ++i) {
      if (i == ordered) {
        const auto begin = shifts_.begin() + static_cast<std::ptrdiff_t>(ordered);
        ordered = std::min(shifts_.size(), std::max({std::size_t{64}, 4 * ordered, keep_}));
        const auto end = shifts_.begin() + static_cast<std::ptrdiff_t>(ordered);
        if (end != shifts_.end()) std::nth_element(begin, end - 1, shifts_.end(), nearer);
        std::sort(begin, end, nearer);
      }
      held += shifts_[i].p;
      if (held >= mass_) return i;
    }
    return shifts_.size() - 1;
  }

  // Where fewer hold the mass: the nearest, those with the lower ids among equally near ones.
  void keep_nearest(std::size_t keep, Candidates& candidates) const {
    const auto nearest = std::span(shifts_).first(keep);
    candidates.change_each([&](TokenId token, float logit) {
      const bool stays = std::ranges::find(nearest, token, &Shift::token) != nearest.end();
      return stays ? logit : -std::numeric_limits<float>::infinity();
    });
    candidates.keep_if([](float) { return true; });
  }

  double mass_;
  std::size_t keep_;
  std::vector<Shift> shifts_;
};

}  // namespace skald::decode
