// Scoring a given text: the log-probability of every token, from the rows and by the arithmetic of generation.
#pragma once

#include <vector>

#include "decode/language_model.h"
#include "decode/strategy.h"

namespace skald::decode {

/// What is scored: tokens after tokens.
struct ScoringRequest {
  std::vector<TokenId> tokens = {};         // with what stands before; at least two
  std::int64_t n_given = 1;                 // that are not scored; they count as the prompt. In [1, tokens.size())
  std::vector<TokenId> encoder_input = {};  // of an encoder-decoder
  std::int64_t n_top = 0;                   // most probable tokens to report of each
  std::int64_t index = 0;                   // of the text in the call
};

/// One text, its scores in `prompt_logprobs` of its completion: one entry for each token after the given ones.
class Scoring final : public DecodingStrategy {
 public:
  Scoring(ScoringRequest request, LanguageModel& model);
  ~Scoring() override;

  void plan(StepPlan& plan) override;
  void take(std::int32_t row, std::span<float> logits, Scratch& scratch) override;
  void advance() override;
  [[nodiscard]] bool finished() const override { return output_.finished; }
  void finish(FinishReason reason, std::string_view notice) override;
  [[nodiscard]] std::span<Output> outputs() override { return {&output_, 1}; }

 private:
  void drop();

  ScoringRequest request_;
  LanguageModel& model_;
  SequenceHandle sequence_ = -1;
  std::int64_t n_computed_ = 0;
  std::int64_t first_ = 0;  // token of the plan's first row that wants logits
  std::int64_t n_planned_ = 0;
  Output output_;
};

}  // namespace skald::decode
