#include "decode/strategies/beam_search.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "decode/draw.h"
#include "decode/step_result.h"

namespace skald::decode {
namespace {

constexpr float kNever = -1.0e9F;  // added to scores that must not win

bool contains(const std::vector<TokenId>& tokens, TokenId token) {
  return std::ranges::find(tokens, token) != tokens.end();
}

// sum / length^penalty, as the reference computes it.
float penalized(float sum, std::int64_t length, double penalty) {
  return sum / static_cast<float>(std::pow(static_cast<double>(length), penalty));
}

}  // namespace

BeamSearch::BeamSearch(SamplingRequest request, LanguageModel& model)
    : request_(std::move(request)),
      model_(model),
      n_beams_(static_cast<std::size_t>(request_.config.num_beams.value_or(1))),
      n_kept_(std::max<std::size_t>(2, 1 + request_.stops.eos.size()) * n_beams_),
      samples_(request_.config.do_sample.value_or(false)),
      length_penalty_(static_cast<float>(request_.config.length_penalty.value_or(1))),
      early_stopping_(request_.config.early_stopping.value_or(EarlyStopping::no)),
      rows_(n_beams_),
      ended_(n_beams_, Hypothesis{.score = kNever}),
      outputs_(static_cast<std::size_t>(request_.config.num_return_sequences.value_or(1))) {
  const TextStream text(request_.tokenizer, request_.stops.strings, request_.stops.include_stop);
  beams_.push_back({.history = request_.visible(),
                    .chain = build_chain(request_.config,
                                         request_.chain_setup(std::max<std::size_t>(1, request_.stops.eos.size()) + 1)),
                    .text = text});
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    Completion& completion = outputs_[i].completion;
    completion.prompt_index = request_.prompt_index;
    completion.index = static_cast<std::int64_t>(i);
    completion.seed = request_.seed;
    completion.notices = request_.notices;
    completion.prompt_tokens = static_cast<std::int64_t>(request_.input().size());
    texts_.push_back(text);
  }
}

BeamSearch::~BeamSearch() {
  for (const Beam& beam : beams_) {
    if (beam.sequence >= 0) model_.drop(0, beam.sequence);
  }
}

std::span<const TokenId> BeamSearch::generated(const Beam& beam) const {
  return std::span(beam.history).subspan(request_.visible().size());
}

std::int32_t BeamSearch::n_generated() const { return static_cast<std::int32_t>(generated(beams_[0]).size()); }

void BeamSearch::plan(StepPlan& plan) {
  if (!prefilled_) {
    if (beams_[0].sequence < 0)
      beams_[0].sequence = model_.create(0, static_cast<std::int64_t>(request_.prompt.size()));
    plan.add(0, beams_[0].sequence, request_.prompt, 1);
    return;
  }
  for (const Beam& beam : beams_) plan.add(0, beam.sequence, std::span(beam.history).last(1), 1);
}

void BeamSearch::take(std::int32_t row, std::span<float> logits, Scratch& scratch) {
  Beam& beam = beams_[static_cast<std::size_t>(row)];
  const std::int32_t step = n_generated();
  if (!request_.config.remove_invalid_values.value_or(false) && !usable(logits)) throw_unusable(step);
  const double log_sum = log_sum_exp(logits);
  for (float& logit : logits) logit = static_cast<float>(logit - log_sum);
  if (request_.config.logprobs) scratch.raw_logits.assign(logits.begin(), logits.end());
  scratch.candidates.reset(logits);
  const StepContext context{.history = beam.history,
                            .prompt_length = static_cast<std::int64_t>(beam.history.size()) - step,
                            .step = step,
                            .row = row};
  beam.chain.apply(context, scratch.candidates);
  auto& out = rows_[static_cast<std::size_t>(row)];
  if (samples_) {
    rank_row(row, scratch.candidates, out);
  } else {
    out.clear();
    for (const Candidate& c : scratch.candidates.best(n_kept_)) {
      const float score = c.logit + beam.score;
      out.push_back({.score = score, .rank = score, .beam = row, .token = {.token = c.token, .top = {}}});
    }
  }
  if (request_.config.logprobs) report(scratch.raw_logits, out);
}

// Sampling without replacement over the tokens of all beams is a race: the winners have the largest p / e, here
// ln p - ln e with p = exp(score) not normalised, which all beams have in common.
void BeamSearch::rank_row(std::int32_t beam, const Candidates& candidates, std::vector<Continuation>& out) const {
  const DrawKey key{.seed = request_.seed,
                    .fork = static_cast<std::uint32_t>(beam),
                    .step = static_cast<std::uint32_t>(n_generated())};
  const auto behind = [](const Continuation& a, const Continuation& b) { return a.rank > b.rank; };
  out.clear();
  candidates.for_each([&](TokenId token, float logit) {
    if (!(logit > -std::numeric_limits<float>::infinity())) return;
    const float score = logit + beams_[static_cast<std::size_t>(beam)].score;
    const double rank = score - std::log(static_cast<double>(exponential(key, static_cast<std::uint32_t>(token))));
    if (out.size() == n_kept_) {
      if (rank <= out.front().rank) return;
      std::ranges::pop_heap(out, behind);
      out.pop_back();
    }
    out.push_back({.score = score, .rank = rank, .beam = beam, .token = {.token = token, .top = {}}});
    std::ranges::push_heap(out, behind);
  });
}

// Log-probabilities before any option changed them.
void BeamSearch::report(std::span<const float> log_probs, std::vector<Continuation>& continuations) const {
  std::vector<std::pair<TokenId, float>> top;
  best_logprobs(log_probs, *request_.config.logprobs, 0, top);
  for (Continuation& c : continuations) {
    c.token.logprob = log_probs[static_cast<std::size_t>(c.token.token)];
    c.token.top = top;
  }
}

// The best continuations of all beams together. At first there is one beam; the reference has copies of it, far behind.
std::vector<BeamSearch::Continuation> BeamSearch::best_of_all() {
  std::vector<Continuation> all;
  for (std::size_t b = 0; b < beams_.size(); ++b) all.insert(all.end(), rows_[b].begin(), rows_[b].end());
  if (all.empty()) throw_none_left(n_generated());
  const std::size_t found = all.size();
  for (std::size_t copy = 1; !prefilled_ && copy < n_beams_ && all.size() < n_kept_; ++copy) {
    for (std::size_t i = 0; i < found; ++i) {
      Continuation c = all[i];
      c.score += kNever;
      c.rank += static_cast<double>(kNever) * static_cast<double>(copy);
      all.push_back(std::move(c));
    }
  }
  std::ranges::stable_sort(all, [](const Continuation& a, const Continuation& b) {
    if (a.rank != b.rank) return a.rank > b.rank;
    return a.beam != b.beam ? a.beam < b.beam : a.token.token < b.token.token;
  });
  all.resize(std::min(all.size(), n_kept_));
  return all;
}

void BeamSearch::find_ends(std::vector<Continuation>& best) {
  const StopRules& stops = request_.stops;
  const bool too_long = n_generated() + 1 >= stops.max_new_tokens;
  const bool too_late = stops.deadline && std::chrono::steady_clock::now() > *stops.deadline;
  std::string ignored;
  for (Continuation& c : best) {
    bool stopped = contains(stops.eos, c.token.token) || contains(stops.stop_tokens, c.token.token);
    if (!stopped && stops.strings) {
      TextStream text = beams_[static_cast<std::size_t>(c.beam)].text;
      stopped = text.push(c.token.token, ignored);
    }
    c.ends = stopped || too_long || too_late;
    c.reason = stopped ? FinishReason::stop : FinishReason::length;
  }
}

// Only the best n_beams may enter the list of those that ended; it keeps its best n_beams.
void BeamSearch::collect_ended(const std::vector<Continuation>& best) {
  const bool full = std::ranges::all_of(ended_, &Hypothesis::ended) && early_stopping_ == EarlyStopping::yes;
  std::vector<Hypothesis> merged = std::move(ended_);
  for (std::size_t i = 0; i < std::min(best.size(), n_beams_); ++i) {
    const Continuation& c = best[i];
    if (!c.ends) continue;
    float score = penalized(c.score, n_generated() + 1, length_penalty_);
    if (full) score += kNever;
    if (!may_improve_) score += kNever;
    const Beam& beam = beams_[static_cast<std::size_t>(c.beam)];
    const auto tokens = generated(beam);
    Hypothesis& h = merged.emplace_back(Hypothesis{.tokens = {tokens.begin(), tokens.end()},
                                                   .logprobs = beam.logprobs,
                                                   .score = score,
                                                   .ended = true,
                                                   .reason = c.reason});
    h.tokens.push_back(c.token.token);
    if (request_.config.logprobs) h.logprobs.push_back(c.token);
  }
  std::ranges::stable_sort(merged, std::greater<>(), &Hypothesis::score);
  merged.resize(n_beams_);
  ended_ = std::move(merged);
}

// The next beams: the best that go on. The first child of a beam takes over its sequence, the others fork it.
void BeamSearch::go_on(const std::vector<Continuation>& best) {
  std::vector<std::pair<float, const Continuation*>> order;
  order.reserve(best.size());
  for (const Continuation& c : best) order.emplace_back(c.ends ? c.score + kNever : c.score, &c);
  std::ranges::stable_sort(order, [](const auto& a, const auto& b) { return a.first > b.first; });
  order.resize(std::min(order.size(), n_beams_));

  std::vector<Beam> next;
  std::vector<bool> taken(beams_.size(), false);
  next.reserve(order.size());
  for (const auto& [score, c] : order) {
    const auto parent = static_cast<std::size_t>(c->beam);
    const Beam& from = beams_[parent];
    Beam& beam = next.emplace_back(Beam{.sequence = taken[parent] ? model_.fork(0, from.sequence) : from.sequence,
                                        .history = from.history,
                                        .chain = from.chain,
                                        .text = from.text,
                                        .score = score,
                                        .logprobs = from.logprobs});
    taken[parent] = true;
    beam.history.push_back(c->token.token);
    beam.chain.accept(c->token.token);
    std::string ignored;
    if (request_.stops.strings) beam.text.push(c->token.token, ignored);
    if (request_.config.logprobs) beam.logprobs.push_back(c->token);
  }
  for (std::size_t b = 0; b < beams_.size(); ++b) {
    if (!taken[b]) model_.drop(0, beams_[b].sequence);
  }
  beams_ = std::move(next);
}

// Whether the best running beam could still beat one that ended.
bool BeamSearch::can_improve() const {
  const bool never = early_stopping_ == EarlyStopping::never && length_penalty_ > 0;
  const std::int64_t length = never ? request_.stops.max_new_tokens : n_generated();
  const float best = penalized(beams_[0].score, length, length_penalty_);
  const float worst = ended_.back().score;
  return std::ranges::any_of(ended_, [&](const Hypothesis& h) { return best > (h.ended ? worst : kNever); });
}

void BeamSearch::advance() {
  std::vector<Continuation> best = best_of_all();
  find_ends(best);
  collect_ended(best);
  go_on(best);
  prefilled_ = true;
  may_improve_ = may_improve_ && can_improve();
  const bool full = std::ranges::all_of(ended_, &Hypothesis::ended) && early_stopping_ == EarlyStopping::yes;
  const bool none_goes_on = std::ranges::all_of(best, &Continuation::ends);
  if (!may_improve_ || full || none_goes_on) return close(FinishReason::length, {});
  tell_shared();
}

void BeamSearch::tell(Output& output, std::span<const TokenId> tokens) {
  Completion& completion = output.completion;
  for (std::size_t i = completion.token_ids.size(); i < tokens.size(); ++i) {
    completion.token_ids.push_back(tokens[i]);
    texts_[static_cast<std::size_t>(completion.index)].push(tokens[i], completion.text);
  }
}

// What every beam that may yet be returned begins with is final.
void BeamSearch::tell_shared() {
  std::span<const TokenId> shared = generated(beams_[0]);
  const auto narrow = [&](std::span<const TokenId> tokens) {
    const auto differs = std::ranges::mismatch(shared, tokens).in1;
    shared = shared.first(static_cast<std::size_t>(differs - shared.begin()));
  };
  for (const Beam& beam : beams_) {
    if (beam.score > kNever / 2) narrow(generated(beam));
  }
  for (const Hypothesis& h : ended_) {
    if (h.ended) narrow(h.tokens);
  }
  for (Output& output : outputs_) tell(output, shared);
}

// Those that ended, best first; where there are too few, the running ones follow.
void BeamSearch::close(FinishReason reason, std::string_view notice) {
  std::vector<Hypothesis> best;
  for (Hypothesis& h : ended_) {
    if (h.ended) best.push_back(std::move(h));
  }
  for (const Beam& beam : beams_) {
    const auto tokens = generated(beam);
    best.push_back({.tokens = {tokens.begin(), tokens.end()},
                    .logprobs = beam.logprobs,
                    .score = tokens.empty() ? 0 : penalized(beam.score, std::ssize(tokens), length_penalty_),
                    .reason = reason});
  }
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    const Hypothesis& h = best[std::min(i, best.size() - 1)];
    Output& output = outputs_[i];
    tell(output, h.tokens);
    TextStream& text = texts_[i];
    output.completion.finish_reason = h.reason;
    if (text.stop_text().empty() && text.finish(output.completion.text)) {
      output.completion.finish_reason = FinishReason::stop;
    }
    output.completion.stop_text = text.stop_text();
    output.completion.score = h.score;
    output.completion.logprobs = h.logprobs;
    if (h.reason == FinishReason::length) output.completion.notice = request_.stops.max_new_notice;
    if (!h.ended) output.completion.notice = notice;
    output.finished = true;
  }
  for (Beam& beam : beams_) {
    if (beam.sequence >= 0) model_.drop(0, std::exchange(beam.sequence, -1));
  }
  done_ = true;
}

void BeamSearch::finish(FinishReason reason, std::string_view notice) {
  if (!done_) close(reason, notice);
}

}  // namespace skald::decode
