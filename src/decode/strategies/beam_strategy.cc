#include "decode/strategies/beam_strategy.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
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
      notes_(request_.config, request_.vocab_size),
      states_(notes_, model.n_layers(0)),
      of_prompt_(request_),
      rows_(n_beams_),
      outputs_(rules_.n_returned) {
  const TextStream text(request_.tokenizer, request_.stops.strings, request_.stops.include_stop);
  const std::size_t min_keep = std::max<std::size_t>(1, request_.stops.eos.size()) + 1;
  beams_.push_back({.source = LogitsSource(model, request_.prompt, request_.guidance.get()),
                    .history = request_.visible(),
                    .chain = build_chain(request_.config, request_.chain_setup(min_keep)),
                    .text = text,
                    .last = std::make_shared<BeamStep>()});
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    outputs_[i].completion = request_.begun(static_cast<std::int64_t>(i));
    texts_.push_back(text);
  }
  if (late_ || notes_.any()) scratch_.emplace(request_.vocab_size);
}

void BeamStrategy::plan(StepPlan& plan) {
  RowWants wants{.all_logits = n_generated() == 0 && of_prompt_.wanted()};
  states_.add_to(wants);
  for (Beam& beam : beams_) beam.source.plan(plan, 1, 0, wants);
}

std::size_t BeamStrategy::beam_of(std::int32_t row) const {
  std::size_t beam = beams_.size() - 1;
  while (beams_[beam].source.first_row() > row) --beam;
  return beam;
}

// That of the hypothesis' token `token`, in which the prompt counts as one.
BeamStep& BeamStrategy::step_of(Beam& beam, std::int64_t token) const {
  BeamStep* step = beam.last.get();
  for (std::int64_t at = std::ssize(beam.source.tokens()) - 1; at > token && step->before; --at) {
    step = step->before.get();
  }
  return *step;
}

void BeamStrategy::take_hidden(std::int32_t row, std::int32_t layer, std::span<const float> hidden) {
  Beam& beam = beams_[beam_of(row)];
  const std::int64_t token = beam.source.token_of(row);
  BeamStep& step = step_of(beam, token);
  states_.take_hidden(step.before ? 0 : token, layer, hidden, step.states);
}

void BeamStrategy::take_attentions(std::int32_t row, std::int32_t layer, std::span<const float> probabilities,
                                   std::int64_t n_heads) {
  Beam& beam = beams_[beam_of(row)];
  const std::int64_t token = beam.source.token_of(row);
  BeamStep& step = step_of(beam, token);
  states_.take_attentions(step.before ? 0 : token, layer, probabilities, n_heads, step.states);
}

void BeamStrategy::take(std::int32_t row, std::span<float> logits, Scratch& scratch) {
  const std::size_t beam = beam_of(row);
  const LogitsSource& source = beams_[beam].source;
  if (n_generated() == 0 && of_prompt_.take(source, row, logits)) return;
  const auto ready = beams_[beam].source.take(row, logits);
  if (!ready) return;
  const auto own = source.own(0, ready->logits);
  if (notes_.any()) rows_[beam].logits.assign(own.begin(), own.end());
  to_log_probs(ready->logits);
  if (late_) {
    rows_[beam].log_probs.assign(ready->logits.begin(), ready->logits.end());
    if (!request_.group_logits) return;
    scratch.candidates.reset(ready->logits);
    beams_[beam].chain.collect(context_of(beam, {}), scratch.candidates);
  } else {
    weigh(beam, rows_[beam], ready->logits, {}, scratch);
  }
}

StepContext BeamStrategy::context_of(std::size_t beam, std::span<const TokenId> group_tokens) const {
  return {.history = beams_[beam].history,
          .prompt_length = n_prompt_,
          .step = n_generated(),
          .row = static_cast<std::int32_t>(request_.prompt_index) * static_cast<std::int32_t>(n_beams_) +
                 static_cast<std::int32_t>(beam),
          .group_tokens = group_tokens};
}

// Classifier-free guidance gives scores that the reference adds up as they are.
void BeamStrategy::to_log_probs(std::span<float> logits) const {
  if (!request_.config.remove_invalid_values.value_or(false) && !usable(logits)) throw_unusable(n_generated());
  if (request_.guidance && request_.guidance->unconditional >= 0) return;
  const double log_sum = log_sum_exp(logits);
  for (float& logit : logits) logit = static_cast<float>(logit - log_sum);
}

void BeamStrategy::weigh_late(std::size_t beam, std::size_t row, std::span<const TokenId> group_tokens) {
  work_ = rows_[beam].log_probs;
  if (row != beam) rows_[row].logits = rows_[beam].logits;
  weigh(beam, rows_[row], work_, group_tokens, *scratch_);
  for (Continuation& c : rows_[row].best) c.row = static_cast<std::int32_t>(row);
}

void BeamStrategy::weigh(std::size_t beam, Row& row, std::span<float> log_probs, std::span<const TokenId> group_tokens,
                         Scratch& scratch) {
  if (notes_.any()) notes_.begin(row.logits, scratch, row.note);
  scratch.candidates.reset(log_probs);
  notes_.stage(request_.guidance ? "guidance" : "log-probabilities", scratch.candidates, row.note);
  notes_.apply(beams_[beam].chain, context_of(beam, group_tokens), scratch.candidates, row.note);
  if (notes_.any()) row.scores = dense_logits(scratch.candidates, log_probs.size());
  look_at(beam, scratch.candidates);
  if (samples_) {
    race(beam, scratch.candidates, row.best);
  } else {
    keep_best(beam, scratch.candidates, row.best);
  }
}

void BeamStrategy::keep_best(std::size_t beam, Candidates& candidates, std::vector<Continuation>& out) const {
  out.clear();
  for (const Candidate& c : candidates.best(n_kept_)) {
    const float score = c.logit + beams_[beam].score;
    out.push_back({.score = score,
                   .rank = score,
                   .beam = static_cast<std::int32_t>(beam),
                   .row = static_cast<std::int32_t>(beam),
                   .token = c.token});
  }
}

// Sampling without replacement over the tokens of all beams is a race: the winners have the largest p / e, here
// ln p - ln e with p = exp(score) not normalised, which all beams have in common.
void BeamStrategy::race(std::size_t beam, const Candidates& candidates, std::vector<Continuation>& out) const {
  const DrawKey key{.seed = request_.seed,
                    .fork = static_cast<std::uint32_t>(beam),
                    .step = static_cast<std::uint32_t>(n_generated())};
  const auto behind = [](const Continuation& a, const Continuation& b) { return a.rank > b.rank; };
  out.clear();
  const auto run = [&](TokenId token, float logit, float wait) {
    if (!(logit > -std::numeric_limits<float>::infinity())) return;
    const float score = logit + beams_[beam].score;
    // Most fall back without a logarithm: ln e >= ln 2 times the binary exponent of e.
    if (out.size() == n_kept_ && score - std::numbers::ln2 * std::ilogb(wait) <= out.front().rank) return;
    const double rank = score - std::log(static_cast<double>(wait));
    if (out.size() == n_kept_) {
      if (rank <= out.front().rank) return;
      std::ranges::pop_heap(out, behind);
      out.pop_back();
    }
    out.push_back({.score = score,
                   .rank = rank,
                   .beam = static_cast<std::int32_t>(beam),
                   .row = static_cast<std::int32_t>(beam),
                   .token = token});
    std::ranges::push_heap(out, behind);
  };
  if (!request_.torch_draws) return for_each_variate(candidates, key, run);
  candidates.for_each([&](TokenId token, float logit) {
    const std::size_t place = beam * request_.vocab_size + static_cast<std::size_t>(token);
    run(token, logit,
        request_.torch_draws->exponential(n_generated(), static_cast<std::size_t>(request_.prompt_index), place));
  });
}

// At first there is one beam; the reference has copies of it, far behind.
std::vector<Continuation> BeamStrategy::best_of(std::span<const std::size_t> rows) const {
  std::vector<Continuation> all;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    for (const Continuation& c : rows_[rows[i]].best) {
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
      all.push_back(c);
    }
  }
  std::ranges::stable_sort(all, [](const Continuation& a, const Continuation& b) {
    if (a.rank != b.rank) return a.rank > b.rank;
    return a.beam != b.beam ? a.beam < b.beam : a.token < b.token;
  });
  all.resize(std::min(all.size(), n_kept_));
  return all;
}

const char* BeamStrategy::stops(const Continuation& c) const {
  if (const char* const by = request_.stop_of(c.token)) return by;
  if (request_.stops.strings) {
    std::string ignored;
    TextStream text = beams_[static_cast<std::size_t>(c.beam)].text;
    if (text.push(c.token, ignored)) return "stop_strings";
  }
  if (!request_.hooks || request_.hooks->stopping_criteria.empty()) return nullptr;
  std::vector<TokenId> history = beams_[static_cast<std::size_t>(c.beam)].history;
  history.push_back(c.token);
  return request_.meets_criterion(c.beam, history) ? "stopping_criteria" : nullptr;
}

Hypothesis BeamStrategy::as_it_stands(const Beam& beam) const {
  const auto tokens = generated(beam);
  const double score = tokens.empty() ? 0 : beam.score / rules_.divisor(std::ssize(tokens));
  return {.tokens = {tokens.begin(), tokens.end()}, .last = beam.last, .score = score};
}

// Before its beam goes on.
std::shared_ptr<BeamStep> BeamStrategy::step_after(const Beam& parent, const Continuation& c) {
  auto step = std::make_shared<BeamStep>();
  step->before = parent.last;
  step->origin = c.origin;
  step->note.chosen.token = c.token;
  if (!notes_.any()) return step;
  Row& row = rows_[static_cast<std::size_t>(c.row)];
  scratch_->raw_logits = row.logits;
  work_ = row.scores;
  scratch_->candidates.reset(work_);
  row.note.chosen.token = c.token;
  notes_.end(*scratch_, row.note);
  step->note = row.note;
  return step;
}

Hypothesis BeamStrategy::extended(const Continuation& c) {
  const Beam& beam = beams_[static_cast<std::size_t>(c.beam)];
  Hypothesis h = as_it_stands(beam);
  h.tokens.push_back(c.token);
  h.last = step_after(beam, c);
  h.score = c.score / rules_.divisor(std::ssize(h.tokens));
  h.ended = true;
  h.reason = c.reason;
  h.by = c.by;
  return h;
}

Beam BeamStrategy::child(Beam& parent, const Continuation& c, bool last) {
  std::shared_ptr<BeamStep> step = step_after(parent, c);
  Beam beam =
      last
          ? std::move(parent)
          : Beam{.source = parent.source.fork(), .history = parent.history, .chain = parent.chain, .text = parent.text};
  beam.score = c.score;
  beam.last = std::move(step);
  beam.source.push(c.token);
  beam.history.push_back(c.token);
  beam.chain.accept(c.token);
  std::string ignored;
  if (request_.stops.strings) beam.text.push(c.token, ignored);
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
    for (std::size_t b = 0; b < beams_.size(); ++b) weigh_late(b, b);
  }
  if (step()) {
    tell_shared();
  } else if (is_late()) {
    close(FinishReason::time, "max_time", "stopped by max_time");
  } else {
    close(FinishReason::length, request_.length_option(), request_.stops.max_new_notice);
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
  completion.stopped_by = h.by == nullptr ? "" : h.by;
  if (h.reason == FinishReason::stop && !h.tokens.empty() && request_.stop_of(h.tokens.back()) != nullptr) {
    completion.stop_token = h.tokens.back();
  }
  if (text.stop_text().empty() && text.finish(completion.text)) {
    completion.finish_reason = FinishReason::stop;
    completion.stopped_by = "stop_strings";
  }
  completion.stop_text = text.stop_text();
  completion.score = h.score;
  write_steps(h, completion);
  completion.model_passes = std::ssize(h.tokens);
  completion.notice = h.notice;
  output.tentative.clear();
  output.finished = true;
}

// What was noted of its steps.
void BeamStrategy::write_steps(const Hypothesis& h, Completion& completion) const {
  const std::vector<const BeamStep*> steps = steps_to(h.last.get());
  const std::shared_ptr<StepOutputs> arrays = notes_.make_arrays();
  for (const BeamStep* const step : steps) {
    completion.beam_indices.push_back(step->origin);
    if (request_.config.logprobs) completion.logprobs.push_back(step->note.chosen);
    notes_.keep(step->note, completion, arrays.get());
    if (arrays) StateRecord::append(StepOutputs(step->before->states), *arrays);
  }
  completion.step_outputs = arrays;
  completion.prompt_logprobs = of_prompt_.entries();
}

void BeamStrategy::close(FinishReason reason, const char* by, std::string_view notice) {
  std::vector<Hypothesis> found = best();
  for (Hypothesis& h : found) {
    if (!h.ended) {
      h.reason = reason;
      h.by = by;
    }
    if (h.reason == FinishReason::stop || notice.empty()) continue;
    h.notice = h.notice.empty() ? std::string(notice) : std::string(notice) + "; " + h.notice;
  }
  for (std::size_t i = 0; i < outputs_.size(); ++i) close(outputs_[i], found[std::min(i, found.size() - 1)]);
  beams_.clear();
  done_ = true;
}

void BeamStrategy::finish(FinishReason reason, std::string_view notice) {
  if (!done_) close(reason, nullptr, notice);
}

}  // namespace skald::decode
