#include "decode/step_note.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <numeric>

#include "decode/step_result.h"
#include "skald/error.h"

namespace skald::decode {
namespace {

constexpr float kOut = -std::numeric_limits<float>::infinity();
constexpr std::int64_t kTracedOthers = 5;  // the most probable tokens beside the chosen one

std::int64_t n_in(std::span<const float> logits) {
  return std::ranges::count_if(logits, [](float logit) { return logit > kOut; });
}

double entropy(std::span<const float> logits, double log_sum) {
  double sum = 0;
  for (const float logit : logits) {
    if (logit > kOut) sum += std::exp(logit - log_sum) * (log_sum - logit);
  }
  return sum;
}

std::int64_t rank_of(TokenId token, std::span<const float> logits) {
  const float own = logits[static_cast<std::size_t>(token)];
  std::int64_t rank = 1;
  for (std::size_t t = 0; t < logits.size(); ++t) {
    rank += logits[t] > own || (logits[t] == own && static_cast<TokenId>(t) < token) ? 1 : 0;
  }
  return rank;
}

void report_processed(Candidates& candidates, std::int64_t n_top, TokenId chosen, TokenLogprob& out) {
  const Distribution now = candidates.distribution();
  out = {.token = chosen, .logprob = kOut, .top = {}};
  candidates.for_each([&](TokenId token, float logit) {
    if (token == chosen) out.logprob = now.log_p(logit);
  });
  for (const Candidate& c : candidates.best(static_cast<std::size_t>(n_top))) {
    if (std::ssize(out.top) < n_top) out.top.emplace_back(c.token, now.log_p(c.logit));
  }
}

void drop_last_row(std::vector<float>& rows, std::int64_t width) {
  rows.resize(rows.size() - static_cast<std::size_t>(width));
}

}  // namespace

std::vector<float> dense_logits(const Candidates& candidates, std::size_t vocab_size) {
  std::vector<float> logits(vocab_size, kOut);
  candidates.for_each([&](TokenId token, float logit) { logits[static_cast<std::size_t>(token)] = logit; });
  return logits;
}

StepNotes::StepNotes(const GenerationConfig& config, std::size_t vocab_size)
    : vocab_size_(vocab_size),
      n_raw_(config.logprobs.value_or(-1)),
      n_processed_(config.processed_logprobs.value_or(-1)),
      scores_(config.output_scores.value_or(false)),
      logits_(config.output_logits.value_or(false)),
      hidden_states_(config.output_hidden_states.value_or(false)),
      attentions_(config.output_attentions.value_or(false)),
      trace_(config.trace.value_or(false)) {}

std::shared_ptr<StepOutputs> StepNotes::make_arrays() const {
  if (!keeps_arrays()) return nullptr;
  return std::make_shared<StepOutputs>(StepOutputs{.vocab_size = static_cast<std::int64_t>(vocab_size_)});
}

void StepNotes::begin(std::span<const float> logits, Scratch& scratch, StepNote& note) const {
  if (n_raw_ >= 0 || logits_ || trace_) scratch.raw_logits.assign(logits.begin(), logits.end());
  if (!trace_) return;
  note.processors.clear();
  note.stages.clear();
  note.stages.emplace_back(logits.begin(), logits.end());
}

void StepNotes::stage(std::string_view what, const Candidates& candidates, StepNote& note) const {
  if (!trace_) return;
  note.processors.push_back(what);
  note.stages.push_back(dense_logits(candidates, note.stages[0].size()));
}

void StepNotes::apply(const ProcessorChain& chain, const StepContext& step, Candidates& candidates,
                      StepNote& note) const {
  if (!trace_) return chain.apply(step, candidates);
  chain.apply(step, candidates, [&](const LogitsProcessor& processor) { stage(processor.name(), candidates, note); });
}

void StepNotes::end(Scratch& scratch, StepNote& note) const {
  if (n_raw_ >= 0) report_logprob(scratch.raw_logits, n_raw_, note.chosen);
  if (logits_) note.logits = scratch.raw_logits;
  if (trace_) trace(scratch.raw_logits, scratch.candidates, note);
  if (scores_) note.scores = dense_logits(scratch.candidates, vocab_size_);
  if (n_processed_ >= 0) report_processed(scratch.candidates, n_processed_, note.chosen.token, note.processed);
}

void StepNotes::trace(std::span<const float> logits, const Candidates& candidates, StepNote& note) const {
  const TokenId chosen = note.chosen.token;
  const double log_sum = log_sum_exp(logits);
  const Distribution after = candidates.distribution();
  note.trace = {.entropy = entropy(logits, log_sum),
                .processed_entropy = after.entropy,
                .rank = rank_of(chosen, logits),
                .n_left = n_in(note.stages.back())};
  for (std::size_t i = 0; i < note.processors.size(); ++i) {
    note.trace.steps.push_back(
        {.processor = std::string(note.processors[i]), .removed = n_in(note.stages[i]) - n_in(note.stages[i + 1])});
  }
  std::vector<std::pair<TokenId, float>> best;
  best_logprobs(logits, kTracedOthers + 1, log_sum, best);
  const auto add = [&](TokenId token) {
    const auto at = static_cast<std::size_t>(token);
    TraceCandidate& c = note.trace.candidates.emplace_back(
        TraceCandidate{.token = token,
                       .probability = std::exp(logits[at] - log_sum),
                       .processed_probability = std::exp(note.stages.back()[at] - after.log_sum)});
    for (const std::vector<float>& stage : note.stages) c.logits.push_back(stage[at]);
  };
  add(chosen);
  for (const auto& [token, logprob] : best) {
    if (token != chosen && std::ssize(note.trace.candidates) <= kTracedOthers) add(token);
  }
}

void StepNotes::keep(const StepNote& note, Completion& completion, StepOutputs* arrays) const {
  if (n_processed_ >= 0) completion.processed_logprobs.push_back(note.processed);
  if (trace_) completion.trace.push_back(note.trace);
  if (arrays == nullptr) return;
  if (scores_) arrays->scores.insert(arrays->scores.end(), note.scores.begin(), note.scores.end());
  if (logits_) arrays->logits.insert(arrays->logits.end(), note.logits.begin(), note.logits.end());
}

void StepNotes::take_back(Completion& completion, StepOutputs* arrays) const {
  if (n_processed_ >= 0) completion.processed_logprobs.pop_back();
  if (trace_) completion.trace.pop_back();
  if (arrays == nullptr) return;
  if (scores_) drop_last_row(arrays->scores, arrays->vocab_size);
  if (logits_) drop_last_row(arrays->logits, arrays->vocab_size);
}

StateRecord::StateRecord(const StepNotes& notes, std::int32_t n_layers)
    : n_layers_(n_layers), attentions_(notes.keeps_attentions()) {
  if (!notes.keeps_hidden_states()) return;
  layers_.resize(static_cast<std::size_t>(n_layers) + 1);
  std::iota(layers_.begin(), layers_.end(), 0);
}

void StateRecord::add_to(RowWants& wants) const {
  wants.hidden_at = layers_;
  wants.attentions = attentions_;
}

void StateRecord::take_hidden(std::int64_t index, std::int32_t layer, std::span<const float> hidden,
                              StepOutputs& out) const {
  out.n_layers = n_layers_;
  out.hidden_size = std::ssize(hidden);
  const std::int64_t place = (index * (out.n_layers + 1) + layer) * out.hidden_size;
  const std::int64_t end = (index + 1) * (out.n_layers + 1) * out.hidden_size;
  if (std::ssize(out.hidden_states) < end) out.hidden_states.resize(static_cast<std::size_t>(end));
  std::ranges::copy(hidden, out.hidden_states.begin() + place);
}

void StateRecord::take_attentions(std::int64_t index, std::int32_t layer, std::span<const float> probabilities,
                                  std::int64_t n_heads, StepOutputs& out) const {
  out.n_layers = n_layers_;
  out.n_heads = n_heads;
  if (std::ssize(out.attentions) <= index) out.attentions.resize(static_cast<std::size_t>(index) + 1);
  std::vector<float>& row = out.attentions[static_cast<std::size_t>(index)];
  row.resize(static_cast<std::size_t>(out.n_layers) * probabilities.size());
  std::ranges::copy(probabilities, row.begin() + layer * std::ssize(probabilities));
}

void StateRecord::truncate(std::int64_t n, StepOutputs& out) {
  const auto hidden = static_cast<std::size_t>(n * (out.n_layers + 1) * out.hidden_size);
  if (out.hidden_states.size() > hidden) out.hidden_states.resize(hidden);
  if (out.attentions.size() > static_cast<std::size_t>(n)) out.attentions.resize(static_cast<std::size_t>(n));
}

void StateRecord::append(StepOutputs&& next, StepOutputs& out) {
  out.n_layers = next.n_layers;
  out.hidden_size = next.hidden_size;
  out.n_heads = next.n_heads;
  out.hidden_states.insert(out.hidden_states.end(), next.hidden_states.begin(), next.hidden_states.end());
  std::ranges::move(next.attentions, std::back_inserter(out.attentions));
}

}  // namespace skald::decode

namespace skald {

std::vector<float> transition_scores(const Completion& completion, bool normalize) {
  const auto steps = completion.token_ids.size();
  const StepOutputs* const arrays = completion.step_outputs.get();
  if (steps == 0) return {};
  if (arrays == nullptr || arrays->scores.empty()) {
    throw UsageError("transition scores are made of the scores of every step: ask for them with output_scores");
  }
  const auto vocab = static_cast<std::size_t>(arrays->vocab_size);
  std::vector<float> out(steps);
  for (std::size_t s = 0; s < steps; ++s) {
    const std::span row = std::span(arrays->scores).subspan(s * vocab, vocab);
    const float score = row[static_cast<std::size_t>(completion.token_ids[s])];
    out[s] = normalize ? static_cast<float>(score - decode::log_sum_exp(row)) : score;
  }
  return out;
}

}  // namespace skald
