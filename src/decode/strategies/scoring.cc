#include "decode/strategies/scoring.h"

#include <algorithm>
#include <utility>

#include "decode/draw.h"
#include "decode/step_result.h"

namespace skald::decode {

Scoring::Scoring(ScoringRequest request, LanguageModel& model) : request_(std::move(request)), model_(model) {
  Completion& completion = output_.completion;
  completion.prompt_index = request_.index;
  completion.prompt_tokens = request_.n_given;
  completion.prompt_logprobs.resize(request_.tokens.size() - static_cast<std::size_t>(request_.n_given));
}

Scoring::~Scoring() { drop(); }

void Scoring::drop() {
  if (sequence_ >= 0) model_.drop(0, std::exchange(sequence_, -1));
}

// Where a model computes a sequence anew once it passes some length, the rows up to there come first, as when they are
// generated. The last token's row is never needed.
void Scoring::plan(StepPlan& plan) {
  if (sequence_ < 0) sequence_ = model_.create(0, request_.n_given);
  const std::int64_t needed = std::ssize(request_.tokens) - 1;
  const std::int64_t restart = model_.restart_length(0);
  const bool cut = restart > 0 && request_.n_given <= restart && n_computed_ < restart && restart < needed;
  n_planned_ = (cut ? restart : needed) - n_computed_;
  first_ = std::max(n_computed_, request_.n_given - 1);
  const auto tokens = std::span(request_.tokens).subspan(static_cast<std::size_t>(n_computed_));
  plan.add(0, sequence_, tokens.first(static_cast<std::size_t>(n_planned_)), n_computed_ + n_planned_ - first_);
}

void Scoring::take(std::int32_t row, std::span<float> logits, Scratch& /*scratch*/) {
  const std::int64_t after = first_ + row;
  if (!usable(logits)) throw_unusable(after);
  TokenLogprob& entry = output_.completion.prompt_logprobs[static_cast<std::size_t>(after - request_.n_given + 1)];
  entry.token = request_.tokens[static_cast<std::size_t>(after) + 1];
  report_logprob(logits, request_.n_top, entry);
}

void Scoring::advance() {
  n_computed_ += n_planned_;
  if (n_computed_ + 1 == std::ssize(request_.tokens)) finish(FinishReason::length, {});
}

void Scoring::finish(FinishReason reason, std::string_view notice) {
  drop();
  output_.completion.finish_reason = reason;
  output_.completion.notice = notice;
  output_.finished = true;
}

}  // namespace skald::decode
