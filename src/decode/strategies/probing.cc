#include "decode/strategies/probing.h"

#include <algorithm>
#include <utility>

namespace skald::decode {

Probing::Probing(std::vector<TokenId> tokens, std::span<const std::int32_t> layers, LanguageModel& model)
    : track_(model, 0, std::move(tokens)), layers_(layers), states_(std::make_shared<StepOutputs>()) {
  output_.completion.step_outputs = states_;
}

void Probing::plan(StepPlan& plan) { track_.plan(plan, 0, 0, {.hidden_at = layers_}); }

void Probing::take(std::int32_t /*row*/, std::span<float> /*logits*/, Scratch& /*scratch*/) {}

void Probing::take_hidden(std::int32_t row, std::int32_t layer, std::span<const float> hidden) {
  if (row + 1 != track_.n_pending()) return;
  std::vector<float>& states = states_->hidden_states;
  states.resize(layers_.size() * hidden.size());
  const auto place = std::ranges::find(layers_, layer) - layers_.begin();
  std::ranges::copy(hidden, states.begin() + place * std::ssize(hidden));
}

void Probing::advance() {
  track_.commit();
  finish(FinishReason::length, {});
}

void Probing::finish(FinishReason reason, std::string_view notice) {
  track_.drop();
  output_.completion.finish_reason = reason;
  output_.completion.notice = notice;
  output_.finished = true;
}

}  // namespace skald::decode
