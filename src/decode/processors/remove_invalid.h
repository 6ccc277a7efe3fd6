// remove_invalid_values: NaN becomes 0, +inf the largest and -inf the lowest number. Reference:
// InfNanRemoveLogitsProcessor.
#pragma once

#include <cmath>
#include <limits>
#include <memory>

#include "decode/processor.h"

namespace skald::decode {

class RemoveInvalid final : public LogitsProcessor {
 public:
  void apply(const StepContext& /*step*/, Candidates& candidates) override {
    candidates.replace([](float logit) {
      if (std::isnan(logit)) return 0.0F;
      return std::isinf(logit) ? std::copysign(std::numeric_limits<float>::max(), logit) : logit;
    });
  }
  [[nodiscard]] std::string_view name() const override { return "remove_invalid_values"; }
  [[nodiscard]] std::unique_ptr<LogitsProcessor> clone() const override {
    return std::make_unique<RemoveInvalid>(*this);
  }
};

}  // namespace skald::decode
