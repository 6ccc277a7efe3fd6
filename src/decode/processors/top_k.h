// top_k: the k largest logits stay, and all that tie with the k-th. Fan et al. 2018, https://arxiv.org/abs/1805.04833
#pragma once

#include <cstddef>
#include <memory>

#include "decode/processor.h"

namespace skald::decode {

class TopK final : public LogitsProcessor {
 public:
  explicit TopK(std::size_t k) : k_(k) {}
  void apply(const StepContext& /*step*/, Candidates& candidates) override { candidates.top_k(k_); }
  [[nodiscard]] std::string_view name() const override { return "top_k"; }
  [[nodiscard]] std::unique_ptr<LogitsProcessor> clone() const override { return std::make_unique<TopK>(*this); }
  [[nodiscard]] bool keeps_argmax() const override { return true; }

 private:
  std::size_t k_;
};

}  // namespace skald::decode
