#include "decode/strategies/sampling.h"

#include <algorithm>
#include <utility>

#include "decode/draw.h"
#include "skald/error.h"

namespace skald::decode {
namespace {

constexpr std::int64_t kReservedTokens = 4096;  // longer completions grow their vectors now and then

bool contains(const std::vector<TokenId>& tokens, TokenId token) {
  return std::find(tokens.begin(), tokens.end(), token) != tokens.end();
}

std::string step_name(std::int64_t step) { return "step " + std::to_string(step); }

}  // namespace

ChainSetup SamplingRequest::chain_setup(std::size_t min_keep) const {
  const auto length = static_cast<std::int64_t>(visible().size());
  return {.prompt_length = length,
          .max_length = length + stops.max_new_tokens,
          .encoder_input = input(),
          .vocab_size = vocab_size,
          .min_keep = min_keep};
}

Sampling::Sampling(SamplingRequest request, LanguageModel& model) : request_(std::move(request)), model_(model) {
  const auto n = static_cast<std::size_t>(request_.config.num_return_sequences.value_or(1));
  const auto& visible = request_.visible();
  const auto room = static_cast<std::size_t>(std::min(request_.stops.max_new_tokens, kReservedTokens));
  const ProcessorChain chain = build_chain(request_.config, request_.chain_setup());
  std::optional<Dola> dola;
  if (request_.config.dola_layers) {
    dola.emplace(dola_layers(*request_.config.dola_layers, model.n_layers(0), model.tied_embeddings(0)));
  }
  branches_.reserve(n);
  outputs_.resize(n);
  for (std::size_t i = 0; i < n; ++i) {
    Branch& branch = branches_.emplace_back(
        Branch{.history = {},
               .chain = chain,
               .text = TextStream(request_.tokenizer, request_.stops.strings, request_.stops.include_stop),
               .dola = dola});
    branch.history.reserve(visible.size() + room);
    branch.history = visible;
    Completion& completion = outputs_[i].completion;
    completion.prompt_index = request_.prompt_index;
    completion.index = static_cast<std::int64_t>(i);
    completion.seed = request_.seed;
    completion.prompt_tokens = static_cast<std::int64_t>(request_.input().size());
    completion.token_ids.reserve(room);
    if (request_.config.logprobs) completion.logprobs.reserve(room);
  }
  planned_.reserve(n);
  n_open_ = n;
}

Sampling::~Sampling() {
  for (const Branch& branch : branches_) {
    if (branch.sequence >= 0) model_.drop(0, branch.sequence);
  }
}

void Sampling::plan(StepPlan& plan) {
  planned_.clear();
  if (!prefilled_) {
    if (branches_[0].sequence < 0) branches_[0].sequence = model_.create(0);
    plan.add(0, branches_[0].sequence, request_.prompt, 1, wants_of(branches_[0]));
    return;
  }
  for (std::size_t i = 0; i < branches_.size(); ++i) {
    if (outputs_[i].finished) continue;
    plan.add(0, branches_[i].sequence, std::span(branches_[i].history).last(1), 1, wants_of(branches_[i]));
    planned_.push_back(static_cast<std::int32_t>(i));
  }
}

RowWants Sampling::wants_of(const Branch& branch) const {
  return {.logits_at = branch.dola ? branch.dola->layers() : std::span<const std::int32_t>()};
}

// All completions share the prefill: its row is that of the first.
std::size_t Sampling::branch_of(std::int32_t row) const {
  return prefilled_ ? static_cast<std::size_t>(planned_[static_cast<std::size_t>(row)]) : 0;
}

void Sampling::take_early(std::int32_t row, std::int32_t layer, std::span<const float> logits) {
  branches_[branch_of(row)].dola->take(layer, logits);
}

void Sampling::take(std::int32_t row, std::span<float> logits, Scratch& scratch) {
  // All completions choose from the logits that end the prefill: their histories are still the same.
  const std::size_t first = branch_of(row);
  const std::size_t last = prefilled_ ? first + 1 : branches_.size();
  const Completion& completion = outputs_[first].completion;
  const auto n_generated = static_cast<std::int64_t>(completion.token_ids.size());
  if (!request_.config.remove_invalid_values.value_or(false) && !usable(logits)) {
    throw ModelError({.field = step_name(n_generated),
                      .rule = "model produced non-finite logits at step " + std::to_string(n_generated) +
                              " (load with --check-weights to look for damaged weights)"});
  }
  const StepContext step{.history = branches_[first].history,
                         .prompt_length = static_cast<std::int64_t>(branches_[first].history.size()) - n_generated,
                         .step = n_generated,
                         .row = static_cast<std::int32_t>(
                             completion.prompt_index * static_cast<std::int64_t>(branches_.size()) + completion.index)};
  if (request_.config.logprobs) scratch.raw_logits.assign(logits.begin(), logits.end());
  if (branches_[first].dola) branches_[first].dola->contrast(logits);
  scratch.candidates.reset(logits);
  branches_[first].chain.apply(step, scratch.candidates);
  for (std::size_t i = first; i < last; ++i) choose(i, scratch, n_generated);
  if (request_.config.logprobs) report(std::span(branches_).subspan(first, last - first), scratch.raw_logits);
}

void Sampling::choose(std::size_t index, const Scratch& scratch, std::int64_t step) {
  const DrawKey key{
      .seed = request_.seed, .completion = static_cast<std::uint32_t>(index), .step = static_cast<std::uint32_t>(step)};
  const bool draws = request_.config.do_sample.value_or(false);
  const TokenId token = draws ? draw(scratch.candidates, key) : scratch.candidates.argmax();
  if (token < 0) {
    throw ModelError({.field = step_name(step), .value = {}, .rule = "the options leave no token to choose from"});
  }
  branches_[index].next.token = token;
}

// Log-probabilities before any option changed them. All branches have the same row.
void Sampling::report(std::span<Branch> branches, std::span<const float> raw) const {
  const double log_sum = log_sum_exp(raw);
  for (Branch& branch : branches) {
    branch.next.logprob = static_cast<float>(raw[static_cast<std::size_t>(branch.next.token)] - log_sum);
    best_logprobs(raw, *request_.config.logprobs, log_sum, branch.next.top);
  }
}

void Sampling::advance() {
  if (!prefilled_) {
    for (std::size_t i = 1; i < branches_.size(); ++i) branches_[i].sequence = model_.fork(0, branches_[0].sequence);
    for (std::size_t i = 0; i < branches_.size(); ++i) planned_.push_back(static_cast<std::int32_t>(i));
    prefilled_ = true;
  }
  for (const std::int32_t index : planned_) append(static_cast<std::size_t>(index));
}

void Sampling::append(std::size_t index) {
  Branch& branch = branches_[index];
  Completion& completion = outputs_[index].completion;
  branch.history.push_back(branch.next.token);
  branch.chain.accept(branch.next.token);
  completion.token_ids.push_back(branch.next.token);
  if (request_.config.logprobs) completion.logprobs.push_back(branch.next);
  if (const auto reason = end_of(branch, completion)) close(index, *reason);
}

std::optional<FinishReason> Sampling::end_of(Branch& branch, Completion& completion) {
  const StopRules& stops = request_.stops;
  const TokenId token = branch.next.token;
  if (branch.text.push(token, completion.text)) return FinishReason::stop;
  if (contains(stops.eos, token) || contains(stops.stop_tokens, token)) return FinishReason::stop;
  if (static_cast<std::int64_t>(completion.token_ids.size()) >= stops.max_new_tokens) {
    completion.notice = stops.max_new_notice;
    return FinishReason::length;
  }
  if (stops.deadline && std::chrono::steady_clock::now() > *stops.deadline) {
    completion.notice = "stopped by max_time";
    return FinishReason::length;
  }
  return std::nullopt;
}

void Sampling::close(std::size_t index, FinishReason reason) {
  Branch& branch = branches_[index];
  Output& output = outputs_[index];
  if (branch.text.stop_text().empty() && branch.text.finish(output.completion.text)) reason = FinishReason::stop;
  output.completion.stop_text = branch.text.stop_text();
  output.completion.finish_reason = reason;
  output.finished = true;
  --n_open_;
  if (branch.sequence >= 0) model_.drop(0, std::exchange(branch.sequence, -1));
}

void Sampling::finish(FinishReason reason, std::string_view notice) {
  for (std::size_t i = 0; i < branches_.size(); ++i) {
    if (outputs_[i].finished) continue;
    outputs_[i].completion.notice = notice;
    close(i, reason);
  }
}

}  // namespace skald::decode
