#include "decode/strategies/contrastive.h"

#include <algorithm>
#include <cmath>
#include <utility>

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
      model_(model),
      last_layer_(model.n_layers(0)),
      k_(static_cast<std::size_t>(request_.config.top_k.value_or(0))),
      alpha_(static_cast<float>(request_.config.penalty_alpha.value_or(0))),
      writer_(request_, 0, output_) {
  root_.chain = build_chain(request_.config, request_.chain_setup());
}

Contrastive::~Contrastive() { drop_branches(); }

void Contrastive::drop_branches() {
  for (Branch& branch : branches_) {
    if (branch.sequence >= 0) model_.drop(0, std::exchange(branch.sequence, -1));
  }
  if (root_.sequence >= 0) model_.drop(0, std::exchange(root_.sequence, -1));
}

void Contrastive::plan(StepPlan& plan) {
  if (branches_.empty()) {
    if (root_.sequence < 0) root_.sequence = model_.create(0, static_cast<std::int64_t>(request_.prompt.size()));
    directions_.clear();
    plan.add(0, root_.sequence, request_.prompt, 1, {.hidden_at = {&last_layer_, 1}});
    return;
  }
  for (const Branch& branch : branches_) {
    plan.add(0, branch.sequence, std::span(branch.history).last(1), 1, {.hidden_at = {&last_layer_, 1}});
  }
}

void Contrastive::take_hidden(std::int32_t row, std::int32_t /*layer*/, std::span<const float> hidden) {
  if (branches_.empty()) {
    const std::size_t place = static_cast<std::size_t>(row) * hidden.size();
    directions_.resize(std::min(directions_.size(), place));  // a pass that was given up is run again
    return append_direction(hidden, directions_);
  }
  Branch& branch = branches_[static_cast<std::size_t>(row)];
  branch.direction.clear();
  append_direction(hidden, branch.direction);
  branch.likeness = -1;
  for (std::size_t i = 0; i < directions_.size(); i += hidden.size()) {
    branch.likeness = std::max(branch.likeness, dot(directions_.data() + i, branch.direction.data(), hidden.size()));
  }
}

void Contrastive::take(std::int32_t row, std::span<float> logits, Scratch& scratch) {
  const StepContext now = writer_.context();
  if (branches_.empty()) return weigh(now, logits, scratch, root_);
  Branch& branch = branches_[static_cast<std::size_t>(row)];
  const StepContext ahead{
      .history = branch.history, .prompt_length = now.prompt_length, .step = now.step + 1, .row = now.row};
  weigh(ahead, logits, scratch, branch);
}

// The k most probable tokens after `branch`.
void Contrastive::weigh(const StepContext& step, std::span<float> logits, Scratch& scratch, Branch& branch) const {
  if (!request_.config.remove_invalid_values.value_or(false) && !usable(logits)) throw_unusable(step.step);
  if (request_.config.logprobs) scratch.raw_logits.assign(logits.begin(), logits.end());
  scratch.candidates.reset(logits);
  branch.chain.apply(step, scratch.candidates);
  const Distribution now = scratch.candidates.distribution();
  branch.next.clear();
  for (const Candidate& c : scratch.candidates.best(k_)) {
    branch.next.push_back({.token = {.token = c.token, .top = {}}, .p = std::exp(now.log_p(c.logit))});
  }
  if (!request_.config.logprobs) return;
  for (Branch& next : branch.next) report_logprob(scratch.raw_logits, *request_.config.logprobs, next.token);
}

void Contrastive::advance() {
  if (branches_.empty()) return open(root_);
  const auto score = [this](const Branch& b) { return (1.0F - alpha_) * b.p - alpha_ * b.likeness; };
  auto chosen = branches_.begin();
  for (auto it = branches_.begin(); it != branches_.end(); ++it) {
    if (score(*it) > score(*chosen)) chosen = it;
  }
  directions_.insert(directions_.end(), chosen->direction.begin(), chosen->direction.end());
  if (const auto reason = writer_.append(chosen->token)) {
    drop_branches();
    return writer_.close(*reason);
  }
  Branch next = std::move(*chosen);
  chosen->sequence = -1;
  drop_branches();
  open(next);
}

// Its candidates become the branches; each forks its sequence.
void Contrastive::open(Branch& chosen) {
  if (chosen.next.empty()) throw_none_left(writer_.n_generated());
  branches_ = std::move(chosen.next);
  for (Branch& branch : branches_) {
    branch.sequence = model_.fork(0, chosen.sequence);
    branch.history = writer_.history();
    branch.history.push_back(branch.token.token);
    branch.chain = ProcessorChain(chosen.chain);
    branch.chain.accept(branch.token.token);
  }
  model_.drop(0, std::exchange(chosen.sequence, -1));
}

void Contrastive::finish(FinishReason reason, std::string_view notice) {
  if (output_.finished) return;
  drop_branches();
  writer_.close(reason, notice);
}

}  // namespace skald::decode
