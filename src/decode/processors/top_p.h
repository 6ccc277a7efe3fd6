// top_p: the smallest set of best tokens that holds probability p, or (FundamentaLLM) the largest that does not exceed
// it. Holtzman et al. 2019, https://arxiv.org/abs/1904.09751
#pragma once

#include <memory>

#include "decode/processor.h"

namespace skald::decode {

class TopP final : public LogitsProcessor {
 public:
  using End = Candidates::TopPEnd;
  /// At least `keep` tokens stay.
  explicit TopP(double p, std::size_t keep = 1, End end = End::reaches) : p_(p), keep_(keep), end_(end) {}
  void apply(const StepContext& /*step*/, Candidates& candidates) override { candidates.top_p(p_, keep_, end_); }
  [[nodiscard]] std::string_view name() const override { return "top_p"; }
  [[nodiscard]] std::unique_ptr<LogitsProcessor> clone() const override { return std::make_unique<TopP>(*this); }
  [[nodiscard]] bool keeps_argmax() const override { return true; }

 private:
  double p_;
  std::size_t keep_;
  End end_;
};

}  // namespace skald::decode
