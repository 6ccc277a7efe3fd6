// Beam search and beam sampling: the best continuations of all beams go on together. Reference: transformers 5.23,
// GenerationMixin._beam_search, whose arithmetic in f32 and rules of finishing are kept.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "decode/sampling_request.h"
#include "decode/strategy.h"
#include "decode/text_stream.h"

namespace skald::decode {

/// Strategy of `num_beams` beams, of which the best `num_return_sequences` are returned, best first. Streams the text
/// that all beams share.
class BeamSearch final : public DecodingStrategy {
 public:
  BeamSearch(SamplingRequest request, LanguageModel& model);
  ~BeamSearch() override;

  void plan(StepPlan& plan) override;
  void take(std::int32_t row, std::span<float> logits, Scratch& scratch) override;
  void advance() override;
  [[nodiscard]] bool finished() const override { return done_; }
  void finish(FinishReason reason, std::string_view notice) override;
  [[nodiscard]] std::span<Output> outputs() override { return outputs_; }

 private:
  struct Beam {
    SequenceHandle sequence = -1;
    std::vector<TokenId> history;  // visible prompt and what was generated
    ProcessorChain chain;
    TextStream text;  // looks for stop strings
    float score = 0;  // sum of log-probabilities
    std::vector<TokenLogprob> logprobs = {};
  };
  // One token after one beam.
  struct Continuation {
    float score = 0;
    double rank = 0;  // greedy: the score; sampling: the place in the race
    std::int32_t beam = 0;
    TokenLogprob token = {};
    bool ends = false;
    FinishReason reason = FinishReason::length;
  };
  // A beam that ended, or the place of one that is still to come.
  struct Hypothesis {
    std::vector<TokenId> tokens = {};
    std::vector<TokenLogprob> logprobs = {};
    float score = 0;
    bool ended = false;
    FinishReason reason = FinishReason::length;
  };

  [[nodiscard]] std::int32_t n_generated() const;
  [[nodiscard]] std::span<const TokenId> generated(const Beam& beam) const;
  void rank_row(std::int32_t beam, const Candidates& candidates, std::vector<Continuation>& out) const;
  void report(std::span<const float> log_probs, std::vector<Continuation>& continuations) const;
  [[nodiscard]] std::vector<Continuation> best_of_all();
  void find_ends(std::vector<Continuation>& best);
  void collect_ended(const std::vector<Continuation>& best);
  void go_on(const std::vector<Continuation>& best);
  [[nodiscard]] bool can_improve() const;
  void tell_shared();
  void close(FinishReason reason, std::string_view notice);
  void tell(Output& output, std::span<const TokenId> tokens);

  SamplingRequest request_;
  LanguageModel& model_;
  std::size_t n_beams_;
  std::size_t n_kept_;  // continuations looked at in a step
  bool samples_;
  float length_penalty_;
  EarlyStopping early_stopping_;
  std::vector<Beam> beams_;
  std::vector<std::vector<Continuation>> rows_;  // by beam: its best
  std::vector<Hypothesis> ended_;                // [n_beams], best first
  std::vector<Output> outputs_;
  std::vector<TextStream> texts_;  // by output
  bool prefilled_ = false;
  bool may_improve_ = true;
  bool done_ = false;
};

}  // namespace skald::decode
