// What a model thinks of a text: hidden states of its last token, its first, or the mean of all.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "decode/strategy.h"
#include "decode/track.h"
#include "skald/embed.h"

namespace skald::decode {

/// One text. Its completion has no tokens, and the states [layers, hidden_size] in `step_outputs->hidden_states`.
class Probing final : public DecodingStrategy {
 public:
  /// `layers`: after so many layers each.
  Probing(std::vector<TokenId> tokens, std::vector<std::int32_t> layers, Pooling pooling, LanguageModel& model);

  void plan(StepPlan& plan) override;
  void take(std::int32_t row, std::span<float> logits, Scratch& scratch) override;
  void take_hidden(std::int32_t row, std::int32_t layer, std::span<const float> hidden) override;
  void advance() override;
  [[nodiscard]] bool finished() const override { return output_.finished; }
  void finish(FinishReason reason, std::string_view notice) override;
  [[nodiscard]] std::span<Output> outputs() override { return {&output_, 1}; }

 private:
  Track track_;
  std::vector<std::int32_t> layers_;
  Pooling pooling_;
  std::vector<double> sums_;  // [layers, hidden_size], over the tokens that are taken
  std::shared_ptr<StepOutputs> states_;
  Output output_;
};

}  // namespace skald::decode
