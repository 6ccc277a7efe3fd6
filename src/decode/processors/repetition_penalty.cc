#include "decode/processors/repetition_penalty.h"

#include <algorithm>

namespace skald::decode {

void RepetitionPenalty::apply(const StepContext& step, Candidates& candidates) {
  length_ = step.history.size();
  for (; marked_ < length_; ++marked_) {
    const auto token = static_cast<std::size_t>(step.history[marked_]);
    if (token >= seen_.size() || seen_[token]) continue;
    seen_[token] = true;
    first_uses_.push_back({step.history[marked_], marked_});
  }
  for (const FirstUse& use : first_uses_) {
    candidates.update(use.token, [r = penalty_](float logit) { return logit < 0 ? logit * r : logit / r; });
  }
}

void RepetitionPenalty::rewind(std::int64_t n_tokens) {
  length_ -= static_cast<std::size_t>(n_tokens);
  marked_ = std::min(marked_, length_);
  while (!first_uses_.empty() && first_uses_.back().position >= length_) {
    seen_[static_cast<std::size_t>(first_uses_.back().token)] = false;
    first_uses_.pop_back();
  }
}

}  // namespace skald::decode
