// One continuation of a given form: fixed texts, and generated ones in between.
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

/// Fixed texts are appended without a choice and computed in one pass with the token before them. A generated segment
/// ends with its stop string, which stays in the text, with its last token, or at an end-of-sequence token, which is
/// left out unless it is the last segment's. Where a token goes on beyond the stop string it is written anew without
/// that.
class FormWriter {
 public:
  /// Completion 0 of `request`, into `output`; both must outlive it.
  FormWriter(const SamplingRequest& request, LanguageModel& model, Output& output);
  /// Completion `index` with the same beginning, into `output`. While nothing is planned.
  [[nodiscard]] FormWriter fork(std::int64_t index, Output& output) const;

  [[nodiscard]] LogitsSource& source() { return source_; }
  /// Chooses the next token from `logits` [vocab_size], which `raw` were before guidance, and writes what follows.
  void advance(std::span<float> logits, std::span<const float> raw, Scratch& scratch);
  [[nodiscard]] bool finished() const { return output_->finished; }
  void finish(FinishReason reason, const char* by, std::string_view notice = {});

 private:
  [[nodiscard]] Completion& completion() { return output_->completion; }
  [[nodiscard]] std::int64_t n_generated() const { return std::ssize(output_->completion.token_ids); }
  [[nodiscard]] StepContext context() const;
  [[nodiscard]] const GenerationConfig& config() const { return configs_[segment_]; }
  [[nodiscard]] TokenLogprob choose(std::span<float> logits, std::span<const float> raw, Scratch& scratch) const;
  void begin_segment();
  void next_segment(std::string fixed, FinishReason last, const char* by);
  void write_fixed(const std::string& text);
  void push(const TokenLogprob& token);
  [[nodiscard]] bool end_where_due();

  FormWriter(const FormWriter& other, LogitsSource source);

  const SamplingRequest* request_;
  Output* output_;
  LogitsSource source_;
  std::vector<TokenId> history_;           // visible prompt and what followed
  std::vector<GenerationConfig> configs_;  // by segment; of fixed texts nothing
  std::size_t segment_ = 0;
  std::int64_t segment_tokens_ = 0;  // generated in this one
  ProcessorChain chain_;
  text::Detokenizer text_;
  StopMatcher stops_;
};

}  // namespace skald::decode
