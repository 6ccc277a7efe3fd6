// top_p: the smallest set of best tokens that holds probability p. Holtzman et al. 2019,
// https://arxiv.org/abs/1904.09751
#pragma once

#include <memory>

#include "decode/processor.h"

namespace skald::decode {

class TopP final : public LogitsProcessor {
 public:
  /// At least `keep` tokens stay.
  explicit TopP(double p, std::size_t keep = 1) : p_(p), keep_(keep) {}
  void apply(const StepContext& /*step*/, Candidates& candidates) override { candidates.top_p(p_, keep_); }
  [[nodiscard]] std::string_view name() const override { return "top_p"; }
  [[nodiscard]] std::unique_ptr<LogitsProcessor> clone() const override { return std::make_unique<TopP>(*this); }
  [[nodiscard]] bool keeps_argmax() const override { return true; }

 private:
  double p_;
  std::size_t keep_;
};

}  // namespace skald::decode
