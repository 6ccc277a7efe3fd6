// min_length, min_new_tokens: no end-of-sequence token before the history has a length.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "decode/processor.h"

namespace skald::decode {

class MinLength final : public LogitsProcessor {
 public:
  /// `min_length` counts the prompt.
  MinLength(std::int64_t min_length, std::vector<TokenId> eos) : min_length_(min_length), eos_(std::move(eos)) {}
  void apply(const StepContext& step, Candidates& candidates) override {
    if (static_cast<std::int64_t>(step.history.size()) >= min_length_) return;
    for (const TokenId token : eos_) candidates.remove(token);
  }
  [[nodiscard]] std::string_view name() const override { return "min_length"; }
  [[nodiscard]] std::unique_ptr<LogitsProcessor> clone() const override { return std::make_unique<MinLength>(*this); }

 private:
  std::int64_t min_length_;
  std::vector<TokenId> eos_;
};

}  // namespace skald::decode
