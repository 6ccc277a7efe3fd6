#include "decode/strategies/constrained_beam_search.h"

#include <algorithm>
#include <iterator>
#include <numeric>
#include <utility>

#include "skald/error.h"  // quoted

namespace skald::decode {
namespace {

std::string name_of(const std::vector<TokenId>& phrase, const text::Tokenizer* tokenizer) {
  if (tokenizer != nullptr) return quoted(tokenizer->decode(phrase));
  std::string ids;
  for (const TokenId token : phrase) ids += (ids.empty() ? "" : ", ") + std::to_string(token);
  return "[" + ids + "]";
}

}  // namespace

ConstrainedBeamSearch::ConstrainedBeamSearch(SamplingRequest request, LanguageModel& model)
    : NBestSearch(std::move(request), model),
      phrases_(this->request().forced_words),
      ended_(rules(), n_beams()),
      advancing_(n_beams()) {
  progress_.emplace_back(phrases_);
  for (const TokenId token : this->request().visible()) progress_[0].add(token);  // the reference counts the prompt
}

void ConstrainedBeamSearch::look_at(std::size_t beam, const Candidates& candidates) {
  std::vector<Continuation>& out = advancing_[beam];
  out.clear();
  if (progress_[beam].completed()) return;
  for (const TokenId token : progress_[beam].advancing()) {
    const float score = candidates.logit(token) + beams()[beam].score;
    out.push_back({.score = score,
                   .rank = score,
                   .beam = static_cast<std::int32_t>(beam),
                   .row = static_cast<std::int32_t>(beam),
                   .origin = static_cast<std::int32_t>(beam),
                   .token = token});
  }
}

bool ConstrainedBeamSearch::same_tokens(const Continuation& a, const Continuation& b) const {
  return a.token == b.token && (a.beam == b.beam || beams()[static_cast<std::size_t>(a.beam)].history ==
                                                        beams()[static_cast<std::size_t>(b.beam)].history);
}

void ConstrainedBeamSearch::add_advancing(std::vector<Option>& options) const {
  const std::size_t n_likely = options.size();
  std::vector<PhraseProgress> states;  // what is added later changes banks: they are counted in the end
  for (std::size_t b = 0; b < beams().size(); ++b) {
    const PhraseProgress of_step = progress_[b];
    for (const Continuation& c : advancing_[b]) {
      PhraseProgress state = of_step.entangled();
      state.add(c.token);
      const auto known = [&](const Option& other) { return same_tokens(c, other.continuation); };
      if (std::ranges::any_of(options, known)) continue;
      options.push_back({.continuation = c, .bank = 0});
      states.push_back(std::move(state));
    }
  }
  for (std::size_t i = 0; i < states.size(); ++i) options[n_likely + i].bank = states[i].bank();
}

// Of the likely continuations and those that get a constraint on, as many as there are beams: the best of every bank,
// then the second of every bank, and so on. Reference: step_sentence_constraint().
std::vector<Continuation> ConstrainedBeamSearch::with_progress(std::vector<Continuation> next) const {
  std::vector<Option> options;
  for (const Continuation& c : next) {
    PhraseProgress state = progress_[static_cast<std::size_t>(c.beam)];
    state.add(c.token);
    options.push_back({.continuation = c, .bank = state.bank()});
  }
  add_advancing(options);
  if (options.size() == next.size()) return next;
  const auto key = [](const Option& o) { return static_cast<float>(o.bank * 100) + o.continuation.score; };
  std::ranges::stable_sort(options, std::greater<>(), key);
  std::vector<std::pair<std::size_t, Continuation>> rounds;  // place in a run of equal banks
  for (std::size_t i = 0, place = 0; i < options.size(); ++i) {
    place = i > 0 && options[i].bank == options[i - 1].bank ? place + 1 : 0;
    rounds.emplace_back(place, options[i].continuation);
  }
  std::ranges::stable_sort(rounds, {}, &std::pair<std::size_t, Continuation>::first);
  std::vector<Continuation> chosen;
  for (std::size_t i = 0; i < std::min(rounds.size(), n_beams()); ++i) chosen.push_back(rounds[i].second);
  return chosen;
}

bool ConstrainedBeamSearch::step() {
  std::vector<std::size_t> all(beams().size());
  std::iota(all.begin(), all.end(), 0);
  std::vector<Continuation> best = best_of(all);
  const auto completed = [&](const Continuation& c) { return progress_[static_cast<std::size_t>(c.beam)].completed(); };
  std::vector<Continuation> next = with_progress(split(best, n_beams(), completed, ended_));
  all_ended_ = is_done(best, ended_);
  stuck_ = next.empty();
  if (stuck_ || all_ended_) return false;
  std::vector<PhraseProgress> progress;
  for (const Continuation& c : next) {
    progress.push_back(progress_[static_cast<std::size_t>(c.beam)]);
    progress.back().add(c.token);
  }
  progress_ = std::move(progress);
  go_on(next);
  return !is_over();
}

std::vector<std::span<const TokenId>> ConstrainedBeamSearch::ended_tokens() const {
  std::vector<std::span<const TokenId>> tokens;
  append_tokens(ended_, tokens);
  return tokens;
}

std::string ConstrainedBeamSearch::unmet_notice(const PhraseProgress& progress) const {
  std::string names;
  for (const std::size_t which : progress.unmet()) {
    std::string phrases;
    for (const std::vector<TokenId>& phrase : request().forced_words[which].alternatives) {
      phrases += (phrases.empty() ? "" : " or ") + name_of(phrase, request().tokenizer);
    }
    names += (names.empty() ? "" : ", ") + phrases;
  }
  return "not all constraints are met: missing " + names;
}

// Those that ended and the running ones that met the constraints; the others only where these are too few. Running ones
// that nothing can follow come last: what ended may be their own continuation.
std::vector<Hypothesis> ConstrainedBeamSearch::best() {
  std::vector<Hypothesis> unmet;
  std::size_t n_met = 0;
  for (std::size_t b = 0; b < beams().size() && !all_ended_; ++b) {
    Hypothesis h = as_it_stands(beams()[b]);
    const bool met = progress_[b].completed();
    if (!met) h.notice = unmet_notice(progress_[b]);
    if (met && !stuck_) {
      ended_.add(std::move(h));
      ++n_met;
    } else {
      unmet.push_back(std::move(h));
    }
  }
  if (n_met < rules().n_returned && !stuck_) {
    for (Hypothesis& h : unmet) ended_.add(std::move(h));
  }
  std::vector<Hypothesis> all = ended_.hypotheses();
  sort_as_popped(all);
  if (stuck_) {
    sort_as_popped(unmet);
    std::ranges::move(unmet, std::back_inserter(all));
  }
  return all;
}

}  // namespace skald::decode
