#include "decode/track.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace skald::decode {

Track::Track(LanguageModel& model, ModelIndex index, std::vector<TokenId> prompt)
    : model_(&model), index_(index), n_prompt_(prompt.size()), tokens_(std::move(prompt)) {}

Track::Track(const Track& other, SequenceHandle sequence)
    : model_(other.model_),
      index_(other.index_),
      n_prompt_(other.n_prompt_),
      tokens_(other.tokens_),
      n_computed_(other.n_computed_),
      sequence_(sequence) {}

Track::Track(Track&& other) noexcept
    : model_(other.model_),
      index_(other.index_),
      n_prompt_(other.n_prompt_),
      tokens_(std::move(other.tokens_)),
      n_computed_(other.n_computed_),
      sequence_(std::exchange(other.sequence_, -1)),
      kept_(std::exchange(other.kept_, -1)),
      n_kept_(other.n_kept_) {}

Track& Track::operator=(Track&& other) noexcept {
  std::swap(model_, other.model_);
  std::swap(index_, other.index_);
  std::swap(n_prompt_, other.n_prompt_);
  std::swap(tokens_, other.tokens_);
  std::swap(n_computed_, other.n_computed_);
  std::swap(sequence_, other.sequence_);
  std::swap(kept_, other.kept_);
  std::swap(n_kept_, other.n_kept_);
  return *this;
}

Track Track::fork() const { return {*this, sequence_ < 0 ? -1 : model_->fork(index_, sequence_)}; }

void Track::drop_kept() {
  if (kept_ >= 0) model_->drop(index_, std::exchange(kept_, -1));
}

void Track::drop() {
  drop_kept();
  if (sequence_ >= 0) model_->drop(index_, std::exchange(sequence_, -1));
  n_computed_ = 0;
}

// Back to `n` computed tokens at most.
void Track::restore(std::size_t n) {
  if (n >= n_computed_) return;
  if (model_->rewinds(index_)) {
    model_->rewind(index_, sequence_, static_cast<std::int64_t>(n_computed_ - n));
    n_computed_ = n;
  } else if (kept_ >= 0 && n_kept_ <= n) {
    model_->drop(index_, std::exchange(sequence_, std::exchange(kept_, -1)));
    n_computed_ = n_kept_;
  } else {
    drop();
  }
}

void Track::truncate(std::size_t n) {
  restore(n);
  tokens_.resize(n);
}

std::int64_t Track::longest_draft() const {
  const std::int64_t restart = model_->restart_length(index_);
  const auto n = static_cast<std::int64_t>(tokens_.size());
  if (restart == 0 || n > restart + 1) return std::numeric_limits<std::int64_t>::max();
  return std::max<std::int64_t>(0, restart - n);
}

std::int32_t Track::plan(StepPlan& plan, std::int64_t n_logits, std::int64_t n_tentative, const RowWants& also) {
  restore(tokens_.size() - static_cast<std::size_t>(n_logits));
  drop_kept();
  if (sequence_ < 0) sequence_ = model_->create(index_, static_cast<std::int64_t>(n_prompt_));
  if (n_tentative > 0 && n_computed_ > 0 && !model_->rewinds(index_)) {
    kept_ = std::exchange(sequence_, model_->fork(index_, sequence_));
    n_kept_ = n_computed_;
  }
  return plan.add(index_, sequence_, std::span(tokens_).subspan(n_computed_), n_logits, also);
}

}  // namespace skald::decode
