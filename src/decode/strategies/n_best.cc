#include "decode/strategies/n_best.h"

#include <algorithm>
#include <cmath>

namespace skald::decode {

void NBest::add(Hypothesis hypothesis) {
  const double score = hypothesis.score;
  if (hypotheses_.size() >= n_wanted_ && score <= worst_score_) return;
  hypotheses_.push_back(std::move(hypothesis));
  if (hypotheses_.size() <= n_wanted_) {
    worst_score_ = std::min(score, worst_score_);
    return;
  }
  hypotheses_.erase(std::ranges::min_element(hypotheses_, {}, &Hypothesis::score));
  worst_score_ = std::ranges::min(hypotheses_, {}, &Hypothesis::score).score;
}

bool NBest::is_done(float best_sum, std::int64_t length, std::int64_t max_length) const {
  if (hypotheses_.size() < n_wanted_) return false;
  if (rules_.early_stopping == EarlyStopping::yes) return true;
  const bool never = rules_.early_stopping == EarlyStopping::never && rules_.length_penalty > 0;
  return worst_score_ >= best_sum / rules_.divisor(never ? max_length : length);
}

std::vector<Continuation> NBestSearch::split(std::vector<Continuation>& best, std::size_t n,
                                             const std::function<bool(const Continuation&)>& acceptable, NBest& ended) {
  const std::vector<TokenId>& eos = request().stops.eos;
  std::vector<Continuation> next;
  for (std::size_t rank = 0; rank < best.size() && next.size() < n; ++rank) {
    Continuation& c = best[rank];
    c.by = stops(c);
    if (c.by == nullptr) {
      next.push_back(c);
      continue;
    }
    c.reason = FinishReason::stop;
    if (rank >= n || !acceptable(c)) continue;
    Hypothesis h = extended(c);
    // Whichever end token it was, the reference writes the first of them.
    if (std::ranges::find(eos, c.token) != eos.end()) h.tokens.back() = eos.front();
    ended.add(std::move(h));
  }
  return next;
}

bool NBestSearch::is_done(const std::vector<Continuation>& best, const NBest& ended) const {
  return ended.is_done(best.front().score, n_generated() + 1, request().stops.max_new_tokens);
}

bool NBestSearch::is_over() const { return n_generated() >= request().stops.max_new_tokens || is_late(); }

void NBestSearch::append_tokens(const NBest& ended, std::vector<std::span<const TokenId>>& tokens) {
  for (const Hypothesis& h : ended.hypotheses()) tokens.emplace_back(h.tokens);
}

void sort_as_popped(std::vector<Hypothesis>& hypotheses) {
  std::ranges::stable_sort(hypotheses, {}, &Hypothesis::score);
  std::ranges::reverse(hypotheses);
}

}  // namespace skald::decode
