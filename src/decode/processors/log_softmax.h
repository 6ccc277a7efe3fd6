// renormalize_logits: log-probabilities, last of all. Reference: LogitNormalization.
#pragma once

#include <memory>

#include "decode/processor.h"

namespace skald::decode {

class LogSoftmax final : public LogitsProcessor {
 public:
  void apply(const StepContext& /*step*/, Candidates& candidates) override {
    const Distribution now = candidates.distribution();
    candidates.transform([&now](float logit) { return now.log_p(logit); });
  }
  [[nodiscard]] std::string_view name() const override { return "renormalize_logits"; }
  [[nodiscard]] std::unique_ptr<LogitsProcessor> clone() const override { return std::make_unique<LogSoftmax>(*this); }
  [[nodiscard]] bool keeps_argmax() const override { return true; }
};

}  // namespace skald::decode
