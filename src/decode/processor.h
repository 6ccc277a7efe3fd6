// A logits processor: one option's change to the candidates of one sequence at one step.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "decode/candidates.h"

namespace skald::decode {

/// What a processor may know of the step it works on.
struct StepContext {
  std::span<const TokenId> history;  // visible history: prompt (in the lockstep face with its pads) and what followed
  std::int64_t prompt_length = 0;    // of `history`
  std::int64_t step = 0;             // tokens generated before this one
  std::int32_t group = 0;            // call
  std::int32_t row = 0;              // b * n + i within the call
  std::span<const TokenId> group_tokens = {};  // diverse beam search: what the groups before chose at this step
};

/// One sequence's processor. `clone` is what a fork gets; `rewind` undoes the last accepts.
class LogitsProcessor {
 public:
  virtual ~LogitsProcessor() = default;
  /// Changes the candidates; values are logits before and after.
  virtual void apply(const StepContext& step, Candidates& candidates) = 0;
  /// A processor that looks at all rows of a call notes this row's candidates and returns true; apply() follows once
  /// all rows were noted.
  virtual bool collect(const StepContext& /*step*/, Candidates& /*candidates*/) { return false; }
  virtual void accept(TokenId /*token*/) {}
  virtual void rewind(std::int64_t /*n_tokens*/) {}
  [[nodiscard]] virtual std::unique_ptr<LogitsProcessor> clone() const = 0;
  /// The option that it acts for: in traces and errors.
  [[nodiscard]] virtual std::string_view name() const = 0;
  /// The best candidate is always kept best: greedy decoding may leave it out.
  [[nodiscard]] virtual bool keeps_argmax() const { return false; }
  /// It may take out every token where an earlier one should have been another: sampling then steps back.
  [[nodiscard]] virtual bool may_leave_none() const { return false; }
};

}  // namespace skald::decode
