#include "decode/drafting/draft_model.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace skald::decode {

DraftModel::DraftModel(LanguageModel& model, std::vector<TokenId> prompt, DraftModelOptions options, DraftLength length,
                       Pick pick)
    : options_(std::move(options)),
      n_prompt_(prompt.size()),
      vocab_size_(static_cast<std::size_t>(model.vocab_size(options_.foreign.translator ? options_.model : 0))),
      n_tokens_known_(model.vocab_size(options_.model)),
      n_positions_(options_.longest > 0 ? options_.longest : model.position_limit(options_.model)),
      length_(length),
      pick_(std::move(pick)),
      seen_(model, options_.model, std::move(prompt)) {
  lost_ = std::ranges::any_of(seen_.tokens(), [&](TokenId token) { return token >= n_tokens_known_; });
}

void DraftModel::begin(const DraftStart& start) {
  draft_.clear();
  own_draft_.clear();
  log_probs_.clear();
  ahead_.reset();
  longest_ = static_cast<std::size_t>(start.longest);
  std::int64_t longest = std::min(start.longest, length_.next());
  const bool knows_all = options_.exit_after > 0 || follow(start.generated);
  if (options_.exit_after > 0) ahead_.emplace(start.own->fork());
  if (n_positions_ > 0) {
    longest = std::clamp<std::int64_t>(n_positions_ - std::ssize(ahead().tokens()), 0, longest);
  }
  n_wanted_ = knows_all ? static_cast<std::size_t>(longest) : 0;
  if (n_wanted_ == 0) return;
  n_generated_ = static_cast<std::int64_t>(start.generated.size());
  if (options_.foreign.translator) return begin_foreign(start);
  chain_ = ProcessorChain(*start.chain);
  history_.assign(start.history.begin(), start.history.end());
  prompt_length_ = start.prompt_length;
}

void DraftModel::begin_foreign(const DraftStart& start) {
  chain_ = ProcessorChain(options_.foreign.chain);
  history_ = seen_.tokens();
  prompt_length_ = static_cast<std::int64_t>(n_prompt_);
  own_history_.assign(start.history.begin(), start.history.end());
}

// False: there is a token that the draft model does not have.
bool DraftModel::follow(std::span<const TokenId> generated) {
  const auto seen = std::span(seen_.tokens()).subspan(n_prompt_);
  if (options_.foreign.translator) {
    const auto [n_dropped, added] = options_.foreign.translator->follow(generated, seen);
    seen_.truncate(seen_.tokens().size() - n_dropped);
    for (const TokenId token : added) seen_.push(token);
    return !lost_;
  }
  const auto differs = std::ranges::mismatch(seen, generated).in2;  // a token may have been taken back
  const auto n_same = static_cast<std::size_t>(differs - generated.begin());
  if (n_same < seen.size()) seen_.truncate(n_prompt_ + n_same);
  for (const TokenId token : generated.subspan(n_same)) {
    if (token >= n_tokens_known_) return false;
    seen_.push(token);
  }
  return !lost_;
}

bool DraftModel::plan(StepPlan& plan) {
  if (draft_.size() >= n_wanted_) {
    translate();
    if (options_.exit_after > 0) ahead_.reset();
    return false;
  }
  ahead().plan(plan, 1, 0, {.exit_after = options_.exit_after});
  return true;
}

void DraftModel::translate() {
  own_draft_ = draft_;
  if (options_.foreign.translator) own_draft_ = options_.foreign.translator->to_own(own_history_, draft_);
  own_draft_.resize(std::min(own_draft_.size(), longest_));
}

void DraftModel::take(std::int32_t /*row*/, std::span<float> logits, Scratch& scratch) {
  if (logits.size() > vocab_size_) logits = logits.first(vocab_size_);
  if (logits.size() < vocab_size_) {
    logits_.assign(vocab_size_, -std::numeric_limits<float>::infinity());
    std::ranges::copy(logits, logits_.begin());
    logits = logits_;
  }
  const auto step = n_generated_ + static_cast<std::int64_t>(draft_.size());
  scratch.candidates.reset(logits);
  chain_.apply({.history = history_, .prompt_length = prompt_length_, .step = step}, scratch.candidates);
  next_ = pick_(scratch.candidates, step);
  sure_ = true;
  if (options_.keeps_log_probs) keep_log_probs(scratch.candidates);
  if (next_ < 0 || options_.threshold <= 0) return;
  const Distribution distribution = scratch.candidates.distribution();
  scratch.candidates.for_each([&](TokenId token, float logit) {
    if (token == next_) sure_ = std::exp(distribution.log_p(logit)) >= options_.threshold;
  });
}

void DraftModel::keep_log_probs(const Candidates& candidates) {
  log_probs_.resize(draft_.size() + 1);
  std::vector<float>& out = log_probs_.back();
  out.assign(vocab_size_, -std::numeric_limits<float>::infinity());
  const Distribution distribution = candidates.distribution();
  candidates.for_each(
      [&](TokenId token, float logit) { out[static_cast<std::size_t>(token)] = distribution.log_p(logit); });
}

void DraftModel::advance() {
  ahead().commit();
  if (!ahead_) ahead_.emplace(seen_.fork());
  if (next_ < 0) {
    n_wanted_ = draft_.size();
    return;
  }
  draft_.push_back(next_);
  history_.push_back(next_);
  chain_.accept(next_);
  ahead_->push(next_);
  const bool ends = std::ranges::find(options_.ends, next_) != options_.ends.end();
  if (ends || !sure_) n_wanted_ = draft_.size();
}

}  // namespace skald::decode
