// top_p: the smallest set of best tokens that holds probability p. Holtzman et al. 2019,
// https://arxiv.org/abs/1904.09751
#pragma once

#include <memory>

#include "decode/processor.h"

namespace skald::decode {

class TopP final : public LogitsProcessor {
 public:
  explicit TopP(double p) : p_(p) {}
  void apply(const StepContext& /*step*/, Candidates& candidates) override { candidates.top_p(p_); }
  [[nodiscard]] std::unique_ptr<LogitsProcessor> clone() const override { return std::make_unique<TopP>(*this); }
  [[nodiscard]] bool keeps_argmax() const override { return true; }

 private:
  double p_;
};

}  // namespace skald::decode
