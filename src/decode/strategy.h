// A decoding strategy: a small state machine between the two halves of a step.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "decode/candidates.h"
#include "decode/language_model.h"

namespace skald::decode {

/// Rows that a strategy wants computed next.
class StepPlan {
 public:
  virtual ~StepPlan() = default;
  /// Rows for `tokens`, which follow on in `sequence` of model `model` (0: the main one); the last `n_logits` of them
  /// want logits. Returns the index of the first row that wants some, within this plan.
  virtual std::int32_t add(ModelIndex model, SequenceHandle sequence, std::span<const TokenId> tokens,
                           std::int64_t n_logits) = 0;
};

/// Logits of the rows of this strategy's plan.
class StepResult {
 public:
  virtual ~StepResult() = default;
  /// Raw logits [vocab_size] of row `row` (as add() counted). May be changed in place.
  [[nodiscard]] virtual std::span<float> logits(std::int32_t row) const = 0;
};

/// Greedy and sampling, beams, contrastive, assisted, ...: one object a request and prompt. It owns its sequences
/// through LanguageModel: appends, forks, rewinds and drops them.
class DecodingStrategy {
 public:
  virtual ~DecodingStrategy() = default;
  virtual void plan(StepPlan& plan) = 0;
  virtual void advance(const StepResult& result) = 0;
  [[nodiscard]] virtual bool finished() const = 0;
};

}  // namespace skald::decode
