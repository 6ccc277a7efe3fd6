// Contrastive search, Su et al. 2022, https://arxiv.org/abs/2202.06417 : of the k most probable tokens, the one that
// maximises (1 - alpha) * p - alpha * (largest cosine between its hidden state and any before). Reference: transformers
// 4.49, GenerationMixin._contrastive_search.
#pragma once

#include <vector>

#include "decode/completion_writer.h"

namespace skald::decode {

/// One completion. All k candidates are computed together; the chosen one's logits serve the next step, so that there
/// is one pass a token.
class Contrastive final : public DecodingStrategy {
 public:
  Contrastive(SamplingRequest request, LanguageModel& model);
  ~Contrastive() override;

  void plan(StepPlan& plan) override;
  void take(std::int32_t row, std::span<float> logits, Scratch& scratch) override;
  void take_hidden(std::int32_t row, std::int32_t layer, std::span<const float> hidden) override;
  void advance() override;
  [[nodiscard]] bool finished() const override { return output_.finished; }
  void finish(FinishReason reason, std::string_view notice) override;
  [[nodiscard]] std::span<Output> outputs() override { return {&output_, 1}; }

 private:
  // A token that may come next, with what is computed of it ahead.
  struct Branch {
    TokenLogprob token = {};
    float p = 0;
    SequenceHandle sequence = -1;
    std::vector<TokenId> history = {};
    ProcessorChain chain = {};
    std::vector<float> direction = {};  // [hidden] of length 1
    float likeness = 0;                 // largest cosine with a state before
    std::vector<Branch> next = {};      // what may come after it; without sequences yet
  };

  void weigh(const StepContext& step, std::span<float> logits, Scratch& scratch, Branch& branch) const;
  void open(Branch& chosen);
  void drop_branches();

  SamplingRequest request_;
  LanguageModel& model_;
  std::int32_t last_layer_;
  std::size_t k_;
  float alpha_;
  Output output_;
  CompletionWriter writer_;
  Branch root_;                    // the prompt
  std::vector<Branch> branches_;   // candidates under way
  std::vector<float> directions_;  // [positions, hidden] of all tokens so far, each of length 1
};

}  // namespace skald::decode
