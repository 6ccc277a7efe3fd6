#include "decode/strategies/probing.h"

#include <algorithm>
#include <utility>

namespace skald::decode {

Probing::Probing(std::vector<TokenId> tokens, std::vector<std::int32_t> layers, Pooling pooling, LanguageModel& model)
    : track_(model, 0, std::move(tokens)),
      layers_(std::move(layers)),
      pooling_(pooling),
      states_(std::make_shared<StepOutputs>()) {
  output_.completion.step_outputs = states_;
}

void Probing::plan(StepPlan& plan) { track_.plan(plan, 0, 0, {.hidden_at = layers_}); }

void Probing::take(std::int32_t /*row*/, std::span<float> /*logits*/, Scratch& /*scratch*/) {}

void Probing::take_hidden(std::int32_t row, std::int32_t layer, std::span<const float> hidden) {
  if (pooling_ == Pooling::last && row + 1 != track_.n_pending()) return;
  if (pooling_ == Pooling::first && row != 0) return;
  sums_.resize(layers_.size() * hidden.size());
  const auto place = std::ranges::find(layers_, layer) - layers_.begin();
  double* const sum = sums_.data() + place * std::ssize(hidden);
  for (std::size_t i = 0; i < hidden.size(); ++i) sum[i] += static_cast<double>(hidden[i]);
}

void Probing::advance() {
  const double n = pooling_ == Pooling::mean ? static_cast<double>(track_.n_pending()) : 1;
  states_->hidden_states.reserve(sums_.size());
  for (const double sum : sums_) states_->hidden_states.push_back(static_cast<float>(sum / n));
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
