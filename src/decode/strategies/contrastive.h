// Contrastive search, Su et al. 2022, https://arxiv.org/abs/2202.06417 : of the k most probable tokens, the one that
// maximises (1 - alpha) * p - alpha * (largest cosine between its hidden state and any before). Reference: transformers
// 4.49, GenerationMixin._contrastive_search.
#pragma once

#include <vector>

#include "decode/completion_writer.h"
#include "decode/logits_source.h"
#include "decode/prompt_logprobs.h"

namespace skald::decode {

/// One completion. All k candidates are computed together; the chosen one's logits serve the next step, so that there
/// is one pass a token. A candidate after which nothing could come gives way to the next best.
class Contrastive final : public DecodingStrategy {
 public:
  Contrastive(SamplingRequest request, LanguageModel& model);

  void plan(StepPlan& plan) override;
  void take(std::int32_t row, std::span<float> logits, Scratch& scratch) override;
  void take_hidden(std::int32_t row, std::int32_t layer, std::span<const float> hidden) override;
  void take_attentions(std::int32_t row, std::int32_t layer, std::span<const float> probabilities,
                       std::int64_t n_heads) override;
  void advance() override;
  [[nodiscard]] bool finished() const override { return output_.finished; }
  void finish(FinishReason reason, std::string_view notice) override;
  [[nodiscard]] std::span<Output> outputs() override { return {&output_, 1}; }

 private:
  // A token that may come next, with what is computed of it ahead.
  struct Branch {
    LogitsSource source;
    StepNote note = {};
    float p = 0;
    std::vector<float> direction = {};  // [hidden] of length 1
    float likeness = 0;                 // largest cosine with a state before
    StepOutputs states = {};            // of the token's row
  };

  [[nodiscard]] RowWants wants() const;
  [[nodiscard]] Branch& branch_of(std::int32_t row);
  [[nodiscard]] bool propose(LogitsSource& source);
  [[nodiscard]] Branch take_best();
  void close(FinishReason reason, std::string_view notice = {});

  SamplingRequest request_;
  std::int32_t last_layer_;
  std::size_t k_;
  float alpha_;
  Output output_;
  ProcessorChain chain_;
  CompletionWriter writer_;
  StateRecord states_;
  PromptLogprobs of_prompt_;
  Scratch scratch_;
  LogitsSource prompt_;
  std::vector<Branch> branches_;   // candidates under way; none: the prompt is
  std::vector<float> directions_;  // [positions, hidden] of all tokens so far, each of length 1
};

}  // namespace skald::decode
