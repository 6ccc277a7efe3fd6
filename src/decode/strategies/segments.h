// Continuations of a given form: fixed texts, and generated ones in between (option "segments").
#pragma once

#include <vector>

#include "decode/strategies/form_writer.h"

namespace skald::decode {

/// Strategy of `num_return_sequences` completions with `segments`, which share one prefill.
class Segments final : public DecodingStrategy {
 public:
  Segments(SamplingRequest request, LanguageModel& model);

  void plan(StepPlan& plan) override;
  void take(std::int32_t row, std::span<float> logits, Scratch& scratch) override;
  void advance() override;
  [[nodiscard]] bool finished() const override;
  void finish(FinishReason reason, std::string_view notice) override;
  [[nodiscard]] std::span<Output> outputs() override { return outputs_; }

 private:
  void advance(FormWriter& form, LogitsSource& source);

  SamplingRequest request_;
  std::vector<Output> outputs_;
  std::vector<FormWriter> forms_;  // the first alone while the prompt is computed
  std::vector<float> logits_;      // [vocab_size]
  Scratch scratch_;
};

}  // namespace skald::decode
