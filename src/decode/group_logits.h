// A caller's code that looks at all rows of a call together (Hooks::group_logits_processors).
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "decode/candidates.h"
#include "decode/processor.h"
#include "skald/hooks.h"

namespace skald::decode {

/// Shared by the rows of one call, which step together (Group::lockstep): every row puts its logits in while a step's
/// rows come; the first that asks for what became of them runs the hooks for all.
class GroupLogits {
 public:
  GroupLogits(std::vector<GroupLogitsHook> hooks, std::size_t vocab_size);

  /// Any thread; a row that is put again replaces itself.
  void put(const StepContext& step, const StepView& view, const Candidates& candidates);
  /// [vocab_size] of row `row`. On the engine's thread, after all rows of the step were put.
  [[nodiscard]] std::span<const float> result(std::int64_t step, std::int32_t row);

 private:
  struct Row {
    StepView view;
    std::vector<float> logits;  // [vocab_size]
  };
  void run();

  std::vector<GroupLogitsHook> hooks_;
  std::size_t vocab_size_;
  std::mutex mutex_;  // while rows are put
  std::int64_t step_ = -1;
  std::map<std::int32_t, Row> rows_;
  bool ran_ = false;
};

/// The place of it in a row's chain.
class GroupProcessor final : public LogitsProcessor {
 public:
  /// `n_completions`: of a prompt.
  GroupProcessor(std::shared_ptr<GroupLogits> group, std::int64_t n_completions)
      : group_(std::move(group)), n_completions_(n_completions) {}

  bool collect(const StepContext& step, Candidates& candidates) override;
  void apply(const StepContext& step, Candidates& candidates) override;
  [[nodiscard]] std::string_view name() const override { return "group_logits_processors"; }
  [[nodiscard]] std::unique_ptr<LogitsProcessor> clone() const override {
    return std::make_unique<GroupProcessor>(*this);
  }

 private:
  std::shared_ptr<GroupLogits> group_;
  std::int64_t n_completions_;
};

}  // namespace skald::decode
