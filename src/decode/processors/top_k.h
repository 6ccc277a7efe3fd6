// top_k: the k largest logits stay, and all that tie with the k-th or (as other engines have it) of those only the
// lowest ids. Fan et al. 2018, https://arxiv.org/abs/1805.04833
#pragma once

#include <cstddef>
#include <memory>

#include "decode/processor.h"

namespace skald::decode {

class TopK final : public LogitsProcessor {
 public:
  enum class Ties { stay, go };
  explicit TopK(std::size_t k, Ties ties = Ties::stay) : k_(k), ties_(ties) {}
  void apply(const StepContext& /*step*/, Candidates& candidates) override {
    candidates.top_k(k_);
    if (ties_ == Ties::go) candidates.keep_best(candidates.best(k_).size());
  }
  [[nodiscard]] std::string_view name() const override { return "top_k"; }
  [[nodiscard]] std::unique_ptr<LogitsProcessor> clone() const override { return std::make_unique<TopK>(*this); }
  [[nodiscard]] bool keeps_argmax() const override { return true; }

 private:
  std::size_t k_;
  Ties ties_;
};

}  // namespace skald::decode
