#include "decode/strategies/beam_strategy.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "decode/draw.h"
#include "decode/step_result.h"
#include "decode/torch_draws.h"

namespace skald::decode {
namespace {

std::size_t size_of(const std::optional<std::int64_t>& option) { return static_cast<std::size_t>(option.value_or(1)); }

}  // namespace

BeamRules::BeamRules(const GenerationConfig& config)
    : length_penalty(config.length_penalty.value_or(1)),
      form(config.length_penalty_form.value_or(LengthPenaltyForm::power)),
      early_stopping(config.patience ? EarlyStopping::yes : config.early_stopping.value_or(EarlyStopping::no)),
      patience(config.patience),
      n_returned(size_of(config.num_return_sequences)) {}

double BeamRules::divisor(std::int64_t length) const {
  const auto n = static_cast<double>(length);
  return std::pow(form == LengthPenaltyForm::power ? n : (5 + n) / 6, length_penalty);
}

std::size_t BeamRules::n_wanted(std::size_t n_beams) const {
  if (!patience) return n_beams;
  return std::max(
      {n_returned, std::size_t{1}, static_cast<std::size_t>(std::ceil(*patience * static_cast<double>(n_beams)))});
}

BeamStrategy::BeamStrategy(SamplingRequest request, LanguageModel& model)
    : request_(std::move(request)),
      rules_(request_.config),
      n_beams_(size_of(request_.config.num_beams)),
      n_groups_(size_of(request_.config.num_beam_groups)),
      n_competing_(n_beams_ / n_groups_),
      n_kept_(std::max<std::size_t>(2, 1 + request_.stops.eos.size()) * n_competing_),
      n_prompt_(std::ssize(request_.visible())),
      samples_(request_.config.do_sample.value_or(false)),
      late_(n_groups_ > 1 || request_.hooks != nullptr),
      rows_(n_beams_),
      outputs_(rules_.n_returned) {
  const TextStream text(request_.tokenizer, request_.stops.strings, request_.stops.include_stop);
  const std::size_t min_keep = std::max<std::size_t>(1, request_.stops.eos.size()) + 1;
  beams_.push_back({.source = LogitsSource(model, request_.prompt, request_.guidance.get()),
                    .history = request_.visible(),
                    .chain = build_chain(request_.config, request_.chain_setup(min_keep)),
                    .text = text});
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    outputs_[i].completion = request_.begun(static_cast<std::int64_t>(i));
    texts_.push_back(text);
  }
  if (!late_) return;
  log_probs_.resize(n_beams_);
  scratch_.emplace(request_.vocab_size);
}

void BeamStrategy::plan(StepPlan& plan) {
  for (Beam& beam : beams_) beam.source.plan(plan, 1);
}

void BeamStrategy::take(std::int32_t row, std::span<float> logits, Scratch& scratch) {
  std::size_t beam = beams_.size() - 1;
  while (beams_[beam].source.first_row() > row) --beam;
  const auto ready = beams_[beam].source.take(row, logits);
  if (!ready) return;
  to_log_probs(ready->logits);
  if (late_) {
    log_probs_[beam].assign(ready->logits.begin(), ready->logits.end());
  } else {
    weigh(beam, ready->logits, {}, scratch);
  }
}

// Classifier-free guidance gives scores that the reference adds up as they are.
void BeamStrategy::to_log_probs(std::span<float> logits) const {
  if (!request_.config.remove_invalid_values.value_or(false) && !usable(logits)) throw_unusable(n_generated());
  if (request_.guidance && request_.guidance->unconditional >= 0) return;
  const double log_sum = log_sum_exp(logits);
  for (float& logit : logits) logit = static_cast<float>(logit - log_sum);
}

void BeamStrategy::weigh_late(std::size_t beam, std::span<const TokenId> group_tokens) {
  work_ = log_probs_[beam];
  weigh(beam, work_, group_tokens, *scratch_);
}

void BeamStrategy::weigh(std::size_t beam, std::span<float> log_probs, std::span<const TokenId> group_tokens,
                         Scratch& scratch) {
  if (request_.config.logprobs) scratch.raw_logits.assign(log_probs.begin(), log_probs.end());
  scratch.candidates.reset(log_probs);
  const StepContext context{
      .history = beams_[beam].history,
      .prompt_length = n_prompt_,
      .step = n_generated(),
      .row = static_cast<std::int32_t>(request_.prompt_index) * static_cast<std::int32_t>(n_beams_) +
             static_cast<std::int32_t>(beam),
      .group_tokens = group_tokens};
  beams_[beam].chain.apply(context, scratch.candidates);
  look_at(beam, scratch.candidates, scratch.raw_logits);
  if (samples_) {
    race(beam, scratch.candidates);
  } else {
    keep_best(beam, scratch.candidates);
  }
  report(scratch.raw_logits, rows_[beam]);
}

void BeamStrategy::keep_best(std::size_t beam, Candidates& candidates) {
  auto& out = rows_[beam];
  out.clear();
  for (const Candidate& c : candidates.best(n_kept_)) {
    const float score = c.logit + beams_[beam].score;
    out.push_back({.score = score,
                   .rank = score,
                   .beam = static_cast<std::int32_t>(beam),
                   .token = {.token = c.token, .logprob = 0, .top = {}}});
  }
}

// Sampling without replacement over the tokens of all beams is a race: the winners have the largest p / e, here
// ln p - ln e with p = exp(score) not normalised, which all beams have in common.
void BeamStrategy::race(std::size_t beam, const Candidates& candidates) {
  const DrawKey key{.seed = request_.seed,
                    .fork = static_cast<std::uint32_t>(beam),
                    .step = static_cast<std::uint32_t>(n_generated())};
  const auto wait = [&](TokenId token) {
    if (!request_.torch_draws) return exponential(key, static_cast<std::uint32_t>(token));
    const std::size_t place = beam * request_.vocab_size + static_cast<std::size_t>(token);
    return request_.torch_draws->exponential(n_generated(), static_cast<std::size_t>(request_.prompt_index), place);
  };
  const auto behind = [](const Continuation& a, const Continuation& b) { return a.rank > b.rank; };
  auto& out = rows_[beam];
  out.clear();
  candidates.for_each([&](TokenId token, float logit) {
    if (!(logit > -std::numeric_limits<float>::infinity())) return;
    const float score = logit + beams_[beam].score;
    const double rank = score - std::log(static_cast<double>(wait(token)));
    if (out.size() == n_kept_) {
      if (rank <= out.front().rank) return;
      std::ranges::pop_heap(out, behind);
      out.pop_back();
    }
    out.push_back({.score = score,
                   .rank = rank,
                   .beam = static_cast<std::int32_t>(beam),
                   .token = {.token = token, .logprob = 0, .top = {}}});
    std::ranges::push_heap(out, behind);
  });
}

void BeamStrategy::report(std::span<const float> log_probs, std::span<Continuation> continuations) const {
  if (!request_.config.logprobs || continuations.empty()) return;
  std::vector<std::pair<TokenId, float>> top;
  best_logprobs(log_probs, *request_.config.logprobs, 0, top);
  for (Continuation& c : continuations) {
    c.token.logprob = log_probs[static_cast<std::size_t>(c.token.token)];
    c.token.top = top;
  }
}

// At first there is one beam; the reference has copies of it, far behind.
std::vector<Continuation> BeamStrategy::best_of(std::span<const std::size_t> beams) const {
  std::vector<Continuation> all;
  for (std::size_t i = 0; i < beams.size(); ++i) {
    for (const Continuation& c : rows_[beams[i]]) {
      all.push_back(c);
      all.back().origin = static_cast<std::int32_t>(i);
    }
  }
  if (all.empty()) throw_none_left(n_generated());
  const std::size_t found = all.size();
  for (std::size_t copy = 1; n_generated() == 0 && copy < n_competing_ && all.size() < n_kept_; ++copy) {
    for (std::size_t i = 0; i < found; ++i) {
      Continuation c = all[i];
      c.score += kNever;
      c.rank += static_cast<double>(kNever) * static_cast<double>(copy);
      c.origin = static_cast<std::int32_t>(copy);
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

bool BeamStrategy::stops(const Continuation& c) const {
  const StopRules& stops = request_.stops;
  if (stops.ends_with(c.token.token)) return true;
  if (stops.strings) {
    std::string ignored;
    TextStream text = beams_[static_cast<std::size_t>(c.beam)].text;
    if (text.push(c.token.token, ignored)) return true;
  }
  return request_.hooks && !request_.hooks->stopping_criteria.empty() && stopped_by_hook(c);
}

bool BeamStrategy::stopped_by_hook(const Continuation& c) const {
  std::vector<TokenId> history = beams_[static_cast<std::size_t>(c.beam)].history;
  history.push_back(c.token.token);
  const StepView view{
      .prompt_index = request_.prompt_index, .index = c.beam, .token_ids = history, .prompt_length = n_prompt_};
  return std::ranges::any_of(request_.hooks->stopping_criteria, [&](const StopHook& hook) { return hook(view); });
}

bool BeamStrategy::is_late() const { return request_.stops.is_late(); }

Hypothesis BeamStrategy::as_it_stands(const Beam& beam) const {
  const auto tokens = generated(beam);
  const double score = tokens.empty() ? 0 : beam.score / rules_.divisor(std::ssize(tokens));
  return {.tokens = {tokens.begin(), tokens.end()},
          .logprobs = beam.logprobs,
          .beam_indices = beam.beam_indices,
          .score = score};
}

Hypothesis BeamStrategy::extended(const Continuation& c) const {
  Hypothesis h = as_it_stands(beams_[static_cast<std::size_t>(c.beam)]);
  h.tokens.push_back(c.token.token);
  if (request_.config.logprobs) h.logprobs.push_back(c.token);
  h.beam_indices.push_back(c.origin);
  h.score = c.score / rules_.divisor(std::ssize(h.tokens));
  h.ended = true;
  h.reason = c.reason;
  return h;
}

Beam BeamStrategy::child(Beam& parent, const Continuation& c, bool last) const {
  Beam beam = last ? std::move(parent)
                   : Beam{.source = parent.source.fork(),
                          .history = parent.history,
                          .chain = parent.chain,
                          .text = parent.text,
                          .logprobs = parent.logprobs,
                          .beam_indices = parent.beam_indices};
  const TokenId token = c.token.token;
  beam.score = c.score;
  beam.source.push(token);
  beam.history.push_back(token);
  beam.chain.accept(token);
  std::string ignored;
  if (request_.stops.strings) beam.text.push(token, ignored);
  if (request_.config.logprobs) beam.logprobs.push_back(c.token);
  beam.beam_indices.push_back(c.origin);
  return beam;
}

void BeamStrategy::go_on(std::span<const Continuation> next) {
  std::vector<std::size_t> n_children(beams_.size());
  for (const Continuation& c : next) ++n_children[static_cast<std::size_t>(c.beam)];
  for (std::size_t b = 0; b < beams_.size(); ++b) {
    if (n_children[b] == 0) beams_[b].source.drop();
  }
  std::vector<Beam> children;
  children.reserve(next.size());
  for (const Continuation& c : next) {
    const auto parent = static_cast<std::size_t>(c.beam);
    children.push_back(child(beams_[parent], c, --n_children[parent] == 0));
  }
  beams_ = std::move(children);
}

void BeamStrategy::advance() {
  for (Beam& beam : beams_) beam.source.commit();
  if (late_ && n_groups_ == 1) {
    for (std::size_t b = 0; b < beams_.size(); ++b) weigh_late(b);
  }
  if (step()) {
    tell_shared();
  } else {
    close(FinishReason::length, is_late() ? "stopped by max_time" : request_.stops.max_new_notice);
  }
}

void BeamStrategy::tell(Output& output, std::span<const TokenId> tokens) {
  Completion& completion = output.completion;
  for (std::size_t i = completion.token_ids.size(); i < tokens.size(); ++i) {
    completion.token_ids.push_back(tokens[i]);
    texts_[static_cast<std::size_t>(completion.index)].push(tokens[i], completion.text);
  }
}

// What every hypothesis that may yet be returned begins with is final.
void BeamStrategy::tell_shared() {
  const std::size_t told = outputs_[0].completion.token_ids.size();
  std::span<const TokenId> shared = generated(beams_[0]);
  const auto narrow = [&](std::span<const TokenId> tokens) {
    const auto differs = std::ranges::mismatch(shared.subspan(told), tokens.subspan(told)).in1;
    shared = shared.first(static_cast<std::size_t>(differs - shared.begin()));
  };
  for (const Beam& beam : beams_) narrow(generated(beam));
  for (const auto tokens : ended_tokens()) narrow(tokens);
  for (Output& output : outputs_) tell(output, shared);
  if (!request_.config.stream_tentative.value_or(false)) return;
  const Beam& leader = *std::ranges::max_element(beams_, {}, &Beam::score);
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    outputs_[i].tentative.clear();
    TextStream text = texts_[i];
    for (const TokenId token : generated(leader).subspan(shared.size())) text.push(token, outputs_[i].tentative);
  }
}

void BeamStrategy::close(Output& output, const Hypothesis& h) {
  tell(output, h.tokens);
  Completion& completion = output.completion;
  TextStream& text = texts_[static_cast<std::size_t>(completion.index)];
  completion.finish_reason = h.reason;
  if (text.stop_text().empty() && text.finish(completion.text)) completion.finish_reason = FinishReason::stop;
  completion.stop_text = text.stop_text();
  completion.score = h.score;
  completion.logprobs = h.logprobs;
  completion.beam_indices = h.beam_indices;
  completion.model_passes = std::ssize(h.tokens);
  completion.notice = h.notice;
  output.tentative.clear();
  output.finished = true;
}

void BeamStrategy::close(FinishReason reason, std::string_view notice) {
  std::vector<Hypothesis> found = best();
  for (Hypothesis& h : found) {
    if (!h.ended) h.reason = reason;
    if (h.reason == FinishReason::stop || notice.empty()) continue;
    h.notice = h.notice.empty() ? std::string(notice) : std::string(notice) + "; " + h.notice;
  }
  for (std::size_t i = 0; i < outputs_.size(); ++i) close(outputs_[i], found[std::min(i, found.size() - 1)]);
  beams_.clear();
  done_ = true;
}

void BeamStrategy::finish(FinishReason reason, std::string_view notice) {
  if (!done_) close(reason, notice);
}

}  // namespace skald::decode
