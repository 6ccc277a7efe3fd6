#include "decode/strategies/sampling.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "decode/drafting/draft_model.h"
#include "decode/drafting/prompt_lookup.h"
#include "decode/draw.h"
#include "decode/step_result.h"
#include "decode/torch_draws.h"

namespace skald::decode {
namespace {

// What a model with other tokens can be given of the options.
GenerationConfig without_tokens(const GenerationConfig& config) {
  return {.do_sample = config.do_sample,
          .temperature = config.temperature,
          .top_k = config.top_k,
          .top_p = config.top_p,
          .min_p = config.min_p};
}

}  // namespace

namespace {

constexpr std::int64_t kResumedTogether = 32;  // tokens of a resumed completion that one pass takes

}  // namespace

Sampling::Sampling(SamplingRequest request, LanguageModel& model)
    : request_(std::move(request)),
      states_({request_.config, request_.vocab_size}, model.n_layers(0)),
      of_prompt_(request_),
      outputs_(static_cast<std::size_t>(request_.config.num_return_sequences.value_or(1))),
      n_open_(outputs_.size()),
      given_(request_.resume.tokens),
      defers_(request_.draft.drafts() || request_.hooks != nullptr || request_.dola_vote != nullptr ||
              !given_.empty()) {
  make_branches(model);
  row_owner_.reserve(branches_.size());
  if (defers_) scratch_.emplace(static_cast<std::size_t>(model.vocab_size(0)));
}

void Sampling::make_branches(LanguageModel& model) {
  const ProcessorChain chain = build_chain(request_.config, request_.chain_setup());
  std::vector<Dola> dola;
  if (request_.config.dola_layers) {
    dola.emplace_back(dola_layers(*request_.config.dola_layers, model.n_layers(0), model.tied_embeddings(0)));
  }
  branches_.reserve(outputs_.size());
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    const auto index = static_cast<std::int64_t>(i);
    branches_.push_back({.writer = CompletionWriter(request_, index, outputs_[i], chain.may_leave_none()),
                         .source = LogitsSource(model, request_.prompt, request_.guidance.get()),
                         .chain = chain,
                         .drafter = make_drafter(model, index),
                         .dola = dola});
  }
}

std::unique_ptr<Drafter> Sampling::make_drafter(LanguageModel& model, std::int64_t index) const {
  const GenerationConfig& config = request_.config;
  const DraftSetup& draft = request_.draft;
  const DraftSchedule schedule = config.num_assistant_tokens_schedule.value_or(DraftSchedule::adaptive);
  if (draft.lookup > 0) {
    return std::make_unique<PromptLookup>(config.max_matching_ngram_size.value_or(2),
                                          DraftLength(schedule, draft.lookup), request_.encoder_input);
  }
  if (draft.model < 0) return nullptr;
  DraftModelOptions options{.model = draft.model,
                            .exit_after = draft.exit_after,
                            .threshold = config.assistant_confidence_threshold.value_or(0.4),
                            .ends = request_.stops.eos,
                            .keeps_log_probs = config.assistant_ensemble_weight.has_value()};
  const bool foreign = draft.tokenizer != nullptr;
  if (foreign) {
    options.ends.clear();
    options.longest = draft.longest;
    ChainSetup setup;
    setup.vocab_size = request_.vocab_size;
    options.foreign = {.translator = std::make_unique<DraftTranslator>(*request_.tokenizer, *draft.tokenizer,
                                                                       config.assistant_lookbehind.value_or(10),
                                                                       config.target_lookbehind.value_or(10)),
                       .chain = build_chain(without_tokens(config), setup)};
  }
  return std::make_unique<DraftModel>(
      model, foreign ? draft.prompt : request_.prompt, std::move(options),
      DraftLength(schedule, config.num_assistant_tokens.value_or(20)),
      [this, index](const Candidates& candidates, std::int64_t step) { return choose(candidates, index, step); });
}

void Sampling::plan(StepPlan& plan) {
  row_owner_.clear();
  const std::size_t n_planned = prefilled_ ? branches_.size() : 1;  // all completions share the prefill
  for (std::size_t i = 0; i < n_planned; ++i) {
    if (!outputs_[i].finished) plan_branch(i, plan);
  }
}

void Sampling::plan_branch(std::size_t index, StepPlan& plan) {
  Branch& branch = branches_[index];
  if (prefilled_) plan_draft(branch, plan);
  if (branch.drafting) return row_owner_.push_back(static_cast<std::int32_t>(index));
  for (const TokenId token : branch.draft) branch.source.push(token);
  const auto n_draft = static_cast<std::int64_t>(branch.draft.size());
  branch.source.plan(plan, 1 + n_draft, resumes() ? 0 : n_draft, wants_of(branch), defers_);
  row_owner_.insert(row_owner_.end(), static_cast<std::size_t>(branch.source.n_rows()),
                    static_cast<std::int32_t>(index));
}

// The tokens that a completion is resumed with are a draft that is always kept.
void Sampling::plan_draft(Branch& branch, StepPlan& plan) {
  if (resumes()) {
    const std::int64_t n = branch.writer.n_generated();
    const std::int64_t most = std::min({kResumedTogether, std::ssize(given_) - n, branch.source.longest_draft()});
    branch.draft.assign(given_.begin() + n, given_.begin() + n + most);
  } else if (branch.drafter) {
    if (!branch.drafting) branch.drafter->begin(draft_start(branch));
    branch.drafting = branch.drafter->plan(plan);
    if (branch.drafting) return;
    const std::span<const TokenId> draft = branch.drafter->draft();
    branch.draft.assign(draft.begin(), draft.end());
  }
}

RowWants Sampling::wants_of(Branch& branch) const {
  RowWants wants{.all_logits = !prefilled_ && of_prompt_.wanted()};
  states_.add_to(wants);
  if (!branch.dola.empty()) {
    while (branch.dola.size() <= branch.draft.size()) branch.dola.push_back(branch.dola[0]);
    wants.logits_at = branch.dola[0].layers();
  }
  return wants;
}

DraftStart Sampling::draft_start(const Branch& branch) const {
  const StepContext now = branch.writer.context();
  const std::int64_t longest = std::min(request_.stops.max_new_tokens - now.step - 1, branch.source.longest_draft());
  return {.history = now.history,
          .generated = now.history.last(static_cast<std::size_t>(now.step)),
          .chain = &branch.chain,
          .own = &branch.source.track(),
          .prompt_length = now.prompt_length,
          .longest = std::max<std::int64_t>(0, longest)};
}

void Sampling::take_early(std::int32_t row, std::int32_t layer, std::span<const float> logits) {
  Branch& branch = branches_[owner_of(row)];
  const std::int64_t position = branch.source.position_of(row);
  if (position >= 0) branch.dola[static_cast<std::size_t>(position)].take(layer, logits);
}

void Sampling::take_hidden(std::int32_t row, std::int32_t layer, std::span<const float> hidden) {
  const Branch& branch = branches_[owner_of(row)];
  states_.take_hidden(branch.source.token_of(row), layer, hidden, *branch.writer.arrays());
}

void Sampling::take_attentions(std::int32_t row, std::int32_t layer, std::span<const float> probabilities,
                               std::int64_t n_heads) {
  const Branch& branch = branches_[owner_of(row)];
  states_.take_attentions(branch.source.token_of(row), layer, probabilities, n_heads, *branch.writer.arrays());
}

void Sampling::take(std::int32_t row, std::span<float> logits, Scratch& scratch) {
  const std::size_t index = owner_of(row);
  Branch& branch = branches_[index];
  if (branch.drafting) return branch.drafter->take(row, logits, scratch);
  if (!prefilled_ && of_prompt_.take(branch.source, row, logits)) return;
  const auto ready = branch.source.take(row, logits);
  if (!ready) return;
  if (defers_) return share(index, ready->logits, scratch);
  if (prefilled_) return weigh(index, ready->position, ready->logits, scratch);
  weigh_first(ready->logits, scratch);
}

// What the other rows of the call may see of this one before any is decided.
void Sampling::share(std::size_t index, std::span<const float> logits, Scratch& scratch) const {
  const Branch& branch = branches_[index];
  if (request_.dola_vote) {
    const StepContext step = branch.writer.context();
    request_.dola_vote->add(step.step, step.row, branch.dola[0].divergences(logits));
  }
  if (!request_.group_logits) return;
  for (std::size_t i = index; i < (prefilled_ ? index + 1 : branches_.size()); ++i) {
    scratch.raw_logits.assign(logits.begin(), logits.end());
    scratch.candidates.reset(scratch.raw_logits);
    branches_[i].chain.collect(branches_[i].writer.context(), scratch.candidates);
  }
}

// All completions choose from the logits that end the prefill.
void Sampling::weigh_first(std::span<float> logits, Scratch& scratch) {
  std::vector<float> copy;
  for (std::size_t i = 1; i < branches_.size(); ++i) {
    copy.assign(logits.begin(), logits.end());
    weigh(i, 0, copy, scratch);
  }
  weigh(0, 0, logits, scratch);
}

void Sampling::weigh(std::size_t index, std::int64_t position, std::span<float> logits, Scratch& scratch) {
  Branch& branch = branches_[index];
  const StepContext step = branch.writer.context();
  if (!request_.config.remove_invalid_values.value_or(false) && !usable(logits)) throw_unusable(step.step);
  const StepNotes& notes = branch.writer.notes();
  notes.begin(branches_[prefilled_ ? index : 0].source.own(position, logits), scratch, branch.next);
  const std::vector<Dola>& all_dola = branches_[prefilled_ ? index : 0].dola;
  const Dola* const dola = all_dola.empty() ? nullptr : &all_dola[static_cast<std::size_t>(position)];
  if (dola != nullptr) dola->contrast(dola_layer(*dola, logits), logits);
  scratch.candidates.reset(logits);
  if (request_.guidance) notes.stage("guidance", scratch.candidates, branch.next);
  if (dola != nullptr) notes.stage("dola_layers", scratch.candidates, branch.next);
  notes.apply(branch.chain, step, scratch.candidates, branch.next);
  if (mix_with_draft(branch, position, scratch.candidates)) {
    notes.stage("assistant_ensemble_weight", scratch.candidates, branch.next);
  }
  if (remove_barred(branch, step.step, scratch.candidates)) {
    notes.stage("stepping back", scratch.candidates, branch.next);
  }
  TokenId& token = branch.next.chosen.token;
  token = choose(scratch.candidates, static_cast<std::int64_t>(index), step.step);
  if (token < 0 && !branch.writer.can_take_back()) throw_none_left(step.step);
  if (token >= 0) notes.end(scratch, branch.next);
}

// A drafted token is verified by the mixture of what the model and its draft think of that place.
bool Sampling::mix_with_draft(const Branch& branch, std::int64_t position, Candidates& candidates) const {
  const std::optional<double> weight = request_.config.assistant_ensemble_weight;
  if (!weight || !branch.drafter || position >= std::ssize(branch.draft)) return false;
  const std::span<const float> draft = branch.drafter->log_probs(static_cast<std::size_t>(position));
  if (draft.empty()) return false;
  const Distribution own = candidates.distribution();
  candidates.edit([&](std::span<float> logits) {
    for (std::size_t t = 0; t < logits.size(); ++t) {
      const double p = std::exp(static_cast<double>(own.log_p(logits[t]))), q = std::exp(static_cast<double>(draft[t]));
      logits[t] = static_cast<float>(std::log(*weight * p + (1 - *weight) * q));
    }
  });
  return true;
}

std::size_t Sampling::dola_layer(const Dola& dola, std::span<const float> logits) const {
  if (dola.layers().size() == 1) return 0;
  return request_.dola_vote ? request_.dola_vote->layer() : largest_of(dola.divergences(logits));
}

bool Sampling::remove_barred(const Branch& branch, std::int64_t place, Candidates& candidates) {
  bool any = false;
  for (const Barred& barred : branch.barred) {
    if (barred.place != place) continue;
    candidates.remove(barred.token);
    any = true;
  }
  return any;
}

TokenId Sampling::choose(const Candidates& candidates, std::int64_t index, std::int64_t step) const {
  if (step < std::ssize(given_)) return given_[static_cast<std::size_t>(step)];
  if (!request_.config.do_sample.value_or(false)) return candidates.argmax();
  if (request_.torch_draws) {
    const std::int64_t row = request_.prompt_index * std::ssize(outputs_) + index;
    return request_.torch_draws->draw(candidates, step, static_cast<std::size_t>(row));
  }
  return draw(candidates, {.seed = request_.seed,
                           .completion = static_cast<std::uint32_t>(index),
                           .fork = request_.resume.fork,
                           .step = static_cast<std::uint32_t>(step)});
}

void Sampling::advance() {
  if (!prefilled_) begin_completions();
  for (std::size_t i = 0; i < branches_.size(); ++i) {
    Branch& branch = branches_[i];
    if (outputs_[i].finished) continue;
    if (branch.drafting) {
      branch.drafter->advance();
    } else {
      settle(i);
    }
  }
  prefilled_ = true;
}

void Sampling::begin_completions() {
  LogitsSource& first = branches_[0].source;
  first.commit();
  for (Output& output : outputs_) output.completion.prompt_logprobs = of_prompt_.entries();
  for (std::size_t i = 1; i < branches_.size(); ++i) {
    branches_[i].source = first.fork();
    if (StepOutputs* const arrays = branches_[i].writer.arrays()) *arrays = *branches_[0].writer.arrays();
  }
  if (defers_) weigh_first(first.kept(0), *scratch_);
}

// The tokens of one step, up to the first that is not the draft's.
void Sampling::settle(std::size_t index) {
  Branch& branch = branches_[index];
  Completion& completion = outputs_[index].completion;
  const std::size_t n_before = branch.source.tokens().size() - branch.draft.size();
  const bool drafted = !resumes();
  branch.source.commit();
  std::size_t n_kept = 0;  // of the draft
  bool ended = false;
  for (;;) {
    const auto position = static_cast<std::int64_t>(n_kept);
    if (defers_ && prefilled_) weigh(index, position, branch.source.kept(position), *scratch_);
    const TokenId token = branch.next.chosen.token;
    if (token < 0) break;
    ended = append(index);
    if (n_kept == branch.draft.size() || token != branch.draft[n_kept]) break;
    ++n_kept;
    if (ended) break;
  }
  completion.model_passes += 1;
  if (drafted) {
    completion.drafted_tokens += std::ssize(branch.draft);
    completion.accepted_tokens += static_cast<std::int64_t>(n_kept);
  }
  if (ended) return;
  if (branch.drafter && drafted) branch.drafter->learn(static_cast<std::int64_t>(n_kept));
  branch.draft.clear();
  branch.source.truncate(n_before + n_kept);
  if (branch.next.chosen.token < 0) return step_back(branch);
  branch.source.push(branch.next.chosen.token);
}

bool Sampling::append(std::size_t index) {
  Branch& branch = branches_[index];
  branch.chain.accept(branch.next.chosen.token);
  const auto reason = branch.writer.append(branch.next);
  const std::int64_t n = branch.writer.n_generated();
  if (n <= std::ssize(given_)) {  // its caller has them
    outputs_[index].text_told = outputs_[index].completion.text.size();
    outputs_[index].tokens_told = static_cast<std::size_t>(n);
  }
  if (reason) {
    close(index, *reason);
  } else if (n == request_.resume.most) {
    outputs_[index].completion.stopped_by = kPause;
    close(index, FinishReason::length);
  }
  return outputs_[index].finished;
}

// Nothing can follow the last token: another one takes its place.
void Sampling::step_back(Branch& branch) {
  const TokenId token = branch.writer.take_back();
  const std::int64_t place = branch.writer.n_generated();
  branch.chain.rewind(1);
  branch.source.truncate(branch.source.tokens().size() - 1);
  given_.resize(std::min(given_.size(), static_cast<std::size_t>(place)));
  std::erase_if(branch.barred, [place](const Barred& barred) { return barred.place > place; });
  branch.barred.push_back({place, token});
}

void Sampling::close(std::size_t index, FinishReason reason, std::string_view notice) {
  Branch& branch = branches_[index];
  branch.writer.close(reason, notice);
  if (StepOutputs* const arrays = branch.writer.arrays()) {
    const std::int64_t n_computed = std::ssize(request_.prompt) + branch.writer.n_generated() - 1;
    StateRecord::truncate(n_computed, *arrays);
  }
  branch.source.drop();
  branch.drafter.reset();
  --n_open_;
}

void Sampling::finish(FinishReason reason, std::string_view notice) {
  for (std::size_t i = 0; i < branches_.size(); ++i) {
    if (!outputs_[i].finished) close(i, reason, notice);
  }
}

}  // namespace skald::decode
