// What a model thinks at the end of a text: hidden states of its last token.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "decode/strategy.h"
#include "decode/track.h"

namespace skald::decode {

/// One text. Its completion has no tokens, and the states [layers, hidden_size] in `step_outputs->hidden_states`.
class Probing final : public DecodingStrategy {
 public:
  /// `layers`: after so many layers each; they must outlive the strategy.
  Probing(std::vector<TokenId> tokens, std::span<const std::int32_t> layers, LanguageModel& model);

  void plan(StepPlan& plan) override;
  void take(std::int32_t row, std::span<float> logits, Scratch& scratch) override;
  void take_hidden(std::int32_t row, std::int32_t layer, std::span<const float> hidden) override;
  void advance() override;
  [[nodiscard]] bool finished() const override { return output_.finished; }
  void finish(FinishReason reason, std::string_view notice) override;
  [[nodiscard]] std::span<Output> outputs() override { return {&output_, 1}; }

 private:
  Track track_;
  std::span<const std::int32_t> layers_;
  std::shared_ptr<StepOutputs> states_;
  Output output_;
};

}  // namespace skald::decode
