#include "decode/strategies/beam_search.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <utility>

namespace skald::decode {

BeamSearch::BeamSearch(SamplingRequest request, LanguageModel& model)
    : BeamStrategy(std::move(request), model), ended_(rules().n_wanted(n_beams())) {}

// As the reference computes it.
float BeamSearch::penalized(float sum, std::int64_t length) const {
  return sum / static_cast<float>(rules().divisor(length));
}

void BeamSearch::find_ends(std::vector<Continuation>& best) const {
  const bool late = is_late();
  const bool all_end = late || n_generated() + 1 >= request().stops.max_new_tokens;
  for (Continuation& c : best) {
    c.by = stops(c);
    c.ends = c.by != nullptr || all_end;
    c.reason = c.by != nullptr ? FinishReason::stop : late ? FinishReason::time : FinishReason::length;
    if (c.by == nullptr) c.by = late ? "max_time" : request().length_option();
  }
}

bool BeamSearch::is_full() const {
  return rules().early_stopping == EarlyStopping::yes && std::ranges::all_of(ended_, &Hypothesis::ended);
}

// Only the best n_beams may enter the list of those that ended; it keeps its best.
void BeamSearch::collect_ended(const std::vector<Continuation>& best) {
  const bool full = is_full();
  const std::size_t n_places = ended_.size();
  std::vector<Hypothesis> merged = std::move(ended_);
  for (std::size_t i = 0; i < std::min(best.size(), n_beams()); ++i) {
    const Continuation& c = best[i];
    if (!c.ends) continue;
    float score = penalized(c.score, n_generated() + 1);
    if (full) score += kNever;
    if (!may_improve_) score += kNever;
    merged.push_back(extended(c));
    merged.back().score = score;
  }
  std::ranges::stable_sort(merged, std::greater<>(), &Hypothesis::score);
  merged.resize(n_places);
  ended_ = std::move(merged);
}

// The best that go on; where they are too few, those that ended do, too far behind to come back.
std::vector<Continuation> BeamSearch::successors(const std::vector<Continuation>& best) const {
  std::vector<Continuation> next = best;
  for (Continuation& c : next) {
    if (c.ends) c.score += kNever;
  }
  std::ranges::stable_sort(next, std::greater<>(), &Continuation::score);
  next.resize(std::min(next.size(), n_beams()));
  return next;
}

// Whether the best running beam could still beat one that ended.
bool BeamSearch::can_improve() const {
  const bool never = rules().early_stopping == EarlyStopping::never && rules().length_penalty > 0;
  const float best = penalized(beams()[0].score, never ? request().stops.max_new_tokens : n_generated());
  const auto worst = static_cast<float>(ended_.back().score);
  return std::ranges::any_of(ended_, [&](const Hypothesis& h) { return best > (h.ended ? worst : kNever); });
}

bool BeamSearch::step() {
  std::vector<std::size_t> all(beams().size());
  std::iota(all.begin(), all.end(), 0);
  std::vector<Continuation> best = best_of(all);
  find_ends(best);
  collect_ended(best);
  go_on(successors(best));
  may_improve_ = may_improve_ && can_improve();
  return may_improve_ && !is_full() && !std::ranges::all_of(best, &Continuation::ends);
}

std::vector<std::span<const TokenId>> BeamSearch::ended_tokens() const {
  std::vector<std::span<const TokenId>> tokens;
  for (const Hypothesis& h : ended_) {
    if (h.ended) tokens.emplace_back(h.tokens);
  }
  return tokens;
}

// Those that ended; where there are too few, the running ones follow.
std::vector<Hypothesis> BeamSearch::best() {
  std::vector<Hypothesis> best;
  for (Hypothesis& h : ended_) {
    if (h.ended) best.push_back(std::move(h));
  }
  for (const Beam& beam : beams()) best.push_back(as_it_stands(beam));
  return best;
}

}  // namespace skald::decode
