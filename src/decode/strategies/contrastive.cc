#include "decode/strategies/contrastive.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "decode/draw.h"
#include "decode/step_result.h"

namespace skald::decode {
namespace {

float dot(const float* a, const float* b, std::size_t n) {
  constexpr std::size_t kLanes = 8;  // running sums, so that the loop becomes vector code
  float sums[kLanes] = {};
  std::size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) sums[lane] += a[i + lane] * b[i + lane];
  }
  for (; i < n; ++i) sums[0] += a[i] * b[i];
  float total = 0;
  for (const float sum : sums) total += sum;
  return total;
}

void append_direction(std::span<const float> hidden, std::vector<float>& out) {
  const float length = std::sqrt(dot(hidden.data(), hidden.data(), hidden.size()));
  for (const float h : hidden) out.push_back(h / length);
}

}  // namespace

Contrastive::Contrastive(SamplingRequest request, LanguageModel& model)
    : request_(std::move(request)),
      last_layer_(model.n_layers(0)),
      k_(static_cast<std::size_t>(request_.config.top_k.value_or(0))),
      alpha_(static_cast<float>(request_.config.penalty_alpha.value_or(0))),
      chain_(build_chain(request_.config, request_.chain_setup())),
      writer_(request_, 0, output_, chain_.may_leave_none()),
      states_(writer_.notes(), last_layer_),
      of_prompt_(request_),
      scratch_(request_.vocab_size),
      prompt_(model, request_.prompt, request_.guidance.get()) {}

RowWants Contrastive::wants() const {
  RowWants wants;
  states_.add_to(wants);
  if (wants.hidden_at.empty()) wants.hidden_at = {&last_layer_, 1};
  wants.all_logits = branches_.empty() && of_prompt_.wanted();
  return wants;
}

void Contrastive::plan(StepPlan& plan) {
  if (branches_.empty()) prompt_.plan(plan, 1, 0, wants(), /*keep=*/true);
  for (Branch& branch : branches_) branch.source.plan(plan, 1, 0, wants(), /*keep=*/true);
}

Contrastive::Branch& Contrastive::branch_of(std::int32_t row) {
  std::size_t b = branches_.size() - 1;
  while (branches_[b].source.first_row() > row) --b;
  return branches_[b];
}

void Contrastive::take_hidden(std::int32_t row, std::int32_t layer, std::span<const float> hidden) {
  const bool in_prompt = branches_.empty();
  const std::int64_t index = in_prompt ? prompt_.token_of(row) : 0;
  StepOutputs* const states = in_prompt ? writer_.arrays() : &branch_of(row).states;
  if (writer_.notes().keeps_hidden_states()) states_.take_hidden(index, layer, hidden, *states);
  if (layer != last_layer_) return;
  if (in_prompt) {
    const std::size_t place = static_cast<std::size_t>(index) * hidden.size();
    directions_.resize(std::min(directions_.size(), place));  // a pass that was given up is run again
    return append_direction(hidden, directions_);
  }
  Branch& branch = branch_of(row);
  branch.direction.clear();
  append_direction(hidden, branch.direction);
  branch.likeness = -1;
  for (std::size_t i = 0; i < directions_.size(); i += hidden.size()) {
    branch.likeness = std::max(branch.likeness, dot(directions_.data() + i, branch.direction.data(), hidden.size()));
  }
}

void Contrastive::take_attentions(std::int32_t row, std::int32_t layer, std::span<const float> probabilities,
                                  std::int64_t n_heads) {
  if (branches_.empty()) {
    states_.take_attentions(prompt_.token_of(row), layer, probabilities, n_heads, *writer_.arrays());
  } else {
    states_.take_attentions(0, layer, probabilities, n_heads, branch_of(row).states);
  }
}

void Contrastive::take(std::int32_t row, std::span<float> logits, Scratch& /*scratch*/) {
  if (branches_.empty()) {
    if (!of_prompt_.take(prompt_, row, logits)) prompt_.take(row, logits);
  } else {
    branch_of(row).source.take(row, logits);
  }
}

// The k most probable tokens after `source` become the branches. False: there is none.
bool Contrastive::propose(LogitsSource& source) {
  const StepContext step = writer_.context();
  const std::span<float> logits = source.kept(0);
  if (!request_.config.remove_invalid_values.value_or(false) && !usable(logits)) throw_unusable(step.step);
  StepNote note;
  writer_.notes().begin(source.own(0, logits), scratch_, note);
  scratch_.candidates.reset(logits);
  if (request_.guidance) writer_.notes().stage("guidance", scratch_.candidates, note);
  writer_.notes().apply(chain_, step, scratch_.candidates, note);
  const Distribution now = scratch_.candidates.distribution();
  const auto best = scratch_.candidates.best(k_);
  const std::vector<Candidate> proposed(best.begin(), best.end());  // notes change the candidates' order
  if (proposed.empty()) return false;
  branches_.clear();
  for (const Candidate& c : proposed) {
    Branch& branch =
        branches_.emplace_back(Branch{.source = source.fork(), .note = note, .p = std::exp(now.log_p(c.logit))});
    branch.source.push(c.token);
    branch.note.chosen.token = c.token;
    writer_.notes().end(scratch_, branch.note);
  }
  return true;
}

Contrastive::Branch Contrastive::take_best() {
  const auto score = [this](const Branch& b) { return (1.0F - alpha_) * b.p - alpha_ * b.likeness; };
  auto chosen = branches_.begin();
  for (auto it = branches_.begin(); it != branches_.end(); ++it) {
    if (score(*it) > score(*chosen)) chosen = it;
  }
  Branch best = std::move(*chosen);
  branches_.erase(chosen);
  return best;
}

void Contrastive::advance() {
  if (branches_.empty()) {
    prompt_.commit();
    output_.completion.prompt_logprobs = of_prompt_.entries();
    if (!propose(prompt_)) throw_none_left(0);
    return prompt_.drop();
  }
  for (Branch& branch : branches_) branch.source.commit();
  while (!branches_.empty()) {
    Branch best = take_best();
    chain_.accept(best.note.chosen.token);
    if (const auto reason = writer_.append(best.note)) return close(*reason);
    if (propose(best.source)) {
      directions_.insert(directions_.end(), best.direction.begin(), best.direction.end());
      if (StepOutputs* const arrays = writer_.arrays()) StateRecord::append(std::move(best.states), *arrays);
      return;
    }
    if (!writer_.can_take_back()) break;
    writer_.take_back();
    chain_.rewind(1);
  }
  throw_none_left(writer_.n_generated());
}

void Contrastive::close(FinishReason reason, std::string_view notice) {
  branches_.clear();
  prompt_.drop();
  writer_.close(reason, notice);
}

void Contrastive::finish(FinishReason reason, std::string_view notice) {
  if (!output_.finished) close(reason, notice);
}

}  // namespace skald::decode
