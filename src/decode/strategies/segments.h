// A continuation of a given form: fixed texts, and generated ones in between.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "decode/logits_source.h"
#include "decode/sampling_request.h"
#include "decode/strategy.h"
#include "text/detokenizer.h"

namespace skald::decode {

/// The tokens that a form has at most. Throws OptionError for a text that the tokenizer cannot write.
std::int64_t longest_form(const std::vector<Segment>& segments, const text::Tokenizer& tokenizer);

/// Strategy of one completion with `segments`. Fixed texts are appended without a choice and computed in one pass with
/// the token before them. A generated segment ends with its stop string, which stays in the text, with its last token,
/// or at an end-of-sequence token, which is left out unless it is the last segment's. Where a token goes on beyond the
/// stop string it is written anew without that.
class Segments final : public DecodingStrategy {
 public:
  Segments(SamplingRequest request, LanguageModel& model);

  void plan(StepPlan& plan) override;
  void take(std::int32_t row, std::span<float> logits, Scratch& scratch) override;
  void advance() override;
  [[nodiscard]] bool finished() const override { return outputs_[0].finished; }
  void finish(FinishReason reason, std::string_view notice) override;
  [[nodiscard]] std::span<Output> outputs() override { return outputs_; }

 private:
  [[nodiscard]] Completion& completion() { return outputs_[0].completion; }
  [[nodiscard]] std::int64_t n_generated() const { return std::ssize(outputs_[0].completion.token_ids); }
  [[nodiscard]] StepContext context() const;
  [[nodiscard]] const GenerationConfig& config() const { return configs_[segment_]; }
  void choose(std::span<float> logits);
  void begin_segment();
  void next_segment(std::string fixed, FinishReason last);
  void write_fixed(const std::string& text);
  void push(const TokenLogprob& token);
  [[nodiscard]] bool at_the_end();

  SamplingRequest request_;
  LogitsSource source_;
  std::vector<Output> outputs_;
  std::vector<TokenId> history_;           // visible prompt and what followed
  std::vector<GenerationConfig> configs_;  // by segment; of fixed texts nothing
  std::size_t segment_ = 0;
  std::int64_t segment_tokens_ = 0;  // generated in this one
  ProcessorChain chain_;
  text::Detokenizer text_;
  StopMatcher stops_;
  TokenLogprob next_ = {};
  Scratch scratch_;
};

}  // namespace skald::decode
