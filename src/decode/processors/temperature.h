// temperature: l / T.
#pragma once

#include <memory>

#include "decode/processor.h"

namespace skald::decode {

class Temperature final : public LogitsProcessor {
 public:
  explicit Temperature(double temperature) : temperature_(static_cast<float>(temperature)) {}
  void apply(const StepContext& /*step*/, Candidates& candidates) override {
    candidates.transform([t = temperature_](float logit) { return logit / t; });
  }
  [[nodiscard]] std::string_view name() const override { return "temperature"; }
  [[nodiscard]] std::unique_ptr<LogitsProcessor> clone() const override { return std::make_unique<Temperature>(*this); }
  [[nodiscard]] bool keeps_argmax() const override { return true; }

 private:
  float temperature_;  // > 0
};

}  // namespace skald::decode
