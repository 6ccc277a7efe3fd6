#include "decode/group_logits.h"

#include <algorithm>
#include <string>
#include <utility>

#include "decode/draw.h"
#include "decode/step_note.h"
#include "skald/error.h"

namespace skald::decode {

GroupLogits::GroupLogits(std::vector<GroupLogitsHook> hooks, std::size_t vocab_size)
    : hooks_(std::move(hooks)), vocab_size_(vocab_size) {}

void GroupLogits::put(const StepContext& step, const StepView& view, const Candidates& candidates) {
  std::vector<float> logits = dense_logits(candidates, vocab_size_);
  const std::lock_guard lock(mutex_);
  if (step.step != step_) {
    rows_.clear();
    step_ = step.step;
    ran_ = false;
  }
  rows_[step.row] = {view, std::move(logits)};
}

std::span<const float> GroupLogits::result(std::int64_t step, std::int32_t row) {
  if (!ran_) run();
  const Row& found = rows_.at(row);
  if (usable(found.logits)) return found.logits;
  throw ModelError(
      {.field = "group_logits_processors",
       .rule = "a processor of the caller left NaN, infinite logits or no token at step " + std::to_string(step)});
}

void GroupLogits::run() {
  std::vector<StepView> views;
  std::vector<float> logits;  // [rows, vocab_size]
  for (const auto& [number, row] : rows_) {
    views.push_back(row.view);
    logits.insert(logits.end(), row.logits.begin(), row.logits.end());
  }
  for (const GroupLogitsHook& hook : hooks_) hook(views, logits);
  auto from = logits.begin();
  for (auto& [number, row] : rows_) {
    std::copy_n(from, vocab_size_, row.logits.begin());
    from += static_cast<std::ptrdiff_t>(vocab_size_);
  }
  ran_ = true;
}

bool GroupProcessor::collect(const StepContext& step, Candidates& candidates) {
  const StepView view{.prompt_index = step.row / n_completions_,
                      .index = step.row % n_completions_,
                      .token_ids = step.history,
                      .prompt_length = step.prompt_length};
  group_->put(step, view, candidates);
  return true;
}

void GroupProcessor::apply(const StepContext& step, Candidates& candidates) {
  const std::span<const float> logits = group_->result(step.step, step.row);
  candidates.edit([&](std::span<float> out) { std::ranges::copy(logits, out.begin()); });
}

}  // namespace skald::decode
