// A caller's own change to the logits.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "decode/draw.h"
#include "decode/processor.h"
#include "skald/error.h"
#include "skald/hooks.h"

namespace skald::decode {

class UserProcessor final : public LogitsProcessor {
 public:
  /// `n_completions`: of a prompt.
  UserProcessor(LogitsHook hook, std::int64_t n_completions) : hook_(std::move(hook)), n_completions_(n_completions) {}

  void apply(const StepContext& step, Candidates& candidates) override {
    const StepView view{.prompt_index = step.row / n_completions_,
                        .index = step.row % n_completions_,
                        .token_ids = step.history,
                        .prompt_length = step.prompt_length};
    candidates.edit([&](std::span<float> logits) {
      hook_(view, logits);
      if (usable(logits)) return;
      throw ModelError({.field = "logits_processor",
                        .rule = "a processor of the caller left NaN, infinite logits or no token at step " +
                                std::to_string(step.step)});
    });
  }
  [[nodiscard]] std::string_view name() const override { return "logits_processor"; }
  [[nodiscard]] std::unique_ptr<LogitsProcessor> clone() const override {
    return std::make_unique<UserProcessor>(*this);
  }

 private:
  LogitsHook hook_;
  std::int64_t n_completions_;
};

}  // namespace skald::decode
