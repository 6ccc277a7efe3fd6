// What all beam searches share: the hypotheses' sequences, chains and logits, the choice among continuations,
// streaming.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "decode/prompt_logprobs.h"
#include "decode/sampling_request.h"
#include "decode/strategies/beam.h"
#include "decode/strategy.h"

namespace skald::decode {

/// How the score of a hypothesis depends on its length, and how many must have ended: from the options.
struct BeamRules {
  explicit BeamRules(const GenerationConfig& config);

  /// What a sum of log-probabilities is divided by: length^penalty, or ((5 + length) / 6)^penalty (Wu et al. 2016).
  [[nodiscard]] double divisor(std::int64_t length) const;
  /// Ended hypotheses that `n_beams` beams are after: n_beams, or patience times that (Kasai et al. 2022).
  [[nodiscard]] std::size_t n_wanted(std::size_t n_beams) const;

  double length_penalty;
  LengthPenaltyForm form;
  EarlyStopping early_stopping;  // with patience: yes
  std::optional<double> patience;
  std::size_t n_returned;
};

/// The loop of every beam search; a subclass decides which continuations go on, and when it is over.
class BeamStrategy : public DecodingStrategy {
 public:
  void plan(StepPlan& plan) final;
  void take(std::int32_t row, std::span<float> logits, Scratch& scratch) final;
  void take_hidden(std::int32_t row, std::int32_t layer, std::span<const float> hidden) final;
  void take_attentions(std::int32_t row, std::int32_t layer, std::span<const float> probabilities,
                       std::int64_t n_heads) final;
  void advance() final;
  [[nodiscard]] bool finished() const final { return done_; }
  void finish(FinishReason reason, std::string_view notice) final;
  [[nodiscard]] std::span<Output> outputs() final { return outputs_; }

 protected:
  /// With several groups, step() calls weigh_late() itself; else it finds the rows weighed.
  BeamStrategy(SamplingRequest request, LanguageModel& model);

  /// All rows are there: chooses, calls go_on(). False: the search is over.
  virtual bool step() = 0;
  /// What is returned, best first, where the search ends now. At least one.
  [[nodiscard]] virtual std::vector<Hypothesis> best() = 0;
  /// The tokens of every hypothesis that ended and may yet be returned.
  [[nodiscard]] virtual std::vector<std::span<const TokenId>> ended_tokens() const = 0;
  /// Every candidate after `beam`: for a subclass that wants more than the best. Called for different beams at the same
  /// time.
  virtual void look_at(std::size_t /*beam*/, const Candidates& /*candidates*/) {}

  /// Runs the processors of a beam on its log-probabilities and notes its best continuations in row `row`: the beam's
  /// number, but where several groups begin with one beam. `group_tokens`: what other groups chose at this step.
  void weigh_late(std::size_t beam, std::size_t row, std::span<const TokenId> group_tokens = {});
  /// The best continuations of `rows` together, best first. Their `origin` counts within `rows`.
  [[nodiscard]] std::vector<Continuation> best_of(std::span<const std::size_t> rows) const;
  /// The option by which `c` ends its hypothesis: an end token, a stop string, a caller's criterion. Null: it does not.
  [[nodiscard]] const char* stops(const Continuation& c) const;
  [[nodiscard]] bool is_late() const { return request_.stops.is_late(); }  // max_time is over
  [[nodiscard]] Hypothesis extended(const Continuation& c);
  [[nodiscard]] Hypothesis as_it_stands(const Beam& beam) const;
  /// These are the next beams, in this order. Sequences nobody continues are dropped, the others forked.
  void go_on(std::span<const Continuation> next);

  [[nodiscard]] const SamplingRequest& request() const { return request_; }
  [[nodiscard]] const BeamRules& rules() const { return rules_; }
  [[nodiscard]] const std::vector<Beam>& beams() const { return beams_; }
  [[nodiscard]] std::size_t n_beams() const { return n_beams_; }
  [[nodiscard]] std::size_t n_groups() const { return n_groups_; }
  [[nodiscard]] std::int64_t n_generated() const { return std::ssize(beams_[0].history) - n_prompt_; }
  [[nodiscard]] std::span<const TokenId> generated(const Beam& beam) const {
    return std::span(beam.history).subspan(static_cast<std::size_t>(n_prompt_));
  }

 private:
  // What is kept of a beam's row until the continuations are chosen.
  struct Row {
    std::vector<Continuation> best = {};
    std::vector<float> log_probs = {};  // [vocab_size], where it is weighed late
    std::vector<float> logits = {};     // [vocab_size], likewise and below where notes are taken: the model's
    std::vector<float> scores = {};     // [vocab_size]: after all processors
    StepNote note = {};                 // of any token
  };

  [[nodiscard]] StepContext context_of(std::size_t beam, std::span<const TokenId> group_tokens) const;
  [[nodiscard]] std::size_t beam_of(std::int32_t row) const;
  [[nodiscard]] BeamStep& step_of(Beam& beam, std::int64_t token) const;
  void weigh(std::size_t beam, Row& row, std::span<float> log_probs, std::span<const TokenId> group_tokens,
             Scratch& scratch);
  void to_log_probs(std::span<float> logits) const;
  void keep_best(std::size_t beam, Candidates& candidates, std::vector<Continuation>& out) const;
  void race(std::size_t beam, const Candidates& candidates, std::vector<Continuation>& out) const;
  [[nodiscard]] std::shared_ptr<BeamStep> step_after(const Beam& parent, const Continuation& c);
  [[nodiscard]] Beam child(Beam& parent, const Continuation& c, bool last);
  void tell_shared();
  void tell(Output& output, std::span<const TokenId> tokens);
  void close(FinishReason reason, const char* by, std::string_view notice);
  void close(Output& output, const Hypothesis& hypothesis);
  void write_steps(const Hypothesis& hypothesis, Completion& completion) const;

  SamplingRequest request_;
  BeamRules rules_;
  std::size_t n_beams_;
  std::size_t n_groups_;
  std::size_t n_competing_;  // beams of a group, whose continuations are weighed together
  std::size_t n_kept_;       // continuations of competing beams that are looked at in a step
  std::int64_t n_prompt_;
  bool samples_;
  bool late_;                // nothing is weighed in take(): groups go one after the other, and so does a caller's code
  std::vector<Beam> beams_;  // at first one
  StepNotes notes_;
  StateRecord states_;
  PromptLogprobs of_prompt_;
  std::vector<Row> rows_;           // by beam
  std::vector<float> work_;         // [vocab_size], where weighed late
  std::optional<Scratch> scratch_;  // likewise, and where notes are taken
  std::vector<Output> outputs_;
  std::vector<TextStream> texts_;  // by output
  bool done_ = false;
};

}  // namespace skald::decode
