// What is noted of a step beside its token: log-probabilities, arrays and traces, as far as the request asks.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "decode/chain.h"
#include "decode/strategy.h"
#include "skald/model.h"

namespace skald::decode {

/// A token that was chosen, and what was asked for with it.
struct StepNote {
  TokenLogprob chosen = {};  // log-probabilities before any option changed them; token -1: none is left
  TokenLogprob processed = {};
  TokenTrace trace = {};
  std::vector<float> logits = {};                 // [vocab_size]
  std::vector<float> scores = {};                 // [vocab_size]
  std::vector<std::vector<float>> stages = {};    // of a trace: [vocab_size] before and after each processor
  std::vector<std::string_view> processors = {};  // that made them
};

/// As an array [vocab_size]; -inf where a token is no candidate.
std::vector<float> dense_logits(const Candidates& candidates, std::size_t vocab_size);

/// Fills in notes. What is not asked for costs nothing.
class StepNotes {
 public:
  StepNotes(const GenerationConfig& config, std::size_t vocab_size);

  /// The model's `logits` [vocab_size], before anything changes them.
  void begin(std::span<const float> logits, Scratch& scratch, StepNote& note) const;
  /// Runs `chain` over the candidates.
  void apply(const ProcessorChain& chain, const StepContext& step, Candidates& candidates, StepNote& note) const;
  /// `what` changed the candidates.
  void stage(std::string_view what, const Candidates& candidates, StepNote& note) const;
  /// note.chosen.token was chosen from scratch.candidates, whose order may change.
  void end(Scratch& scratch, StepNote& note) const;

  /// Adds to a completion what belongs to a token, and takes back the last token's.
  void keep(const StepNote& note, Completion& completion, StepOutputs* arrays) const;
  void take_back(Completion& completion, StepOutputs* arrays) const;

  /// Whether begin() to end() note anything.
  [[nodiscard]] bool any() const { return n_raw_ >= 0 || n_processed_ >= 0 || scores_ || logits_ || trace_; }
  /// For a completion; null: no arrays are kept.
  [[nodiscard]] std::shared_ptr<StepOutputs> make_arrays() const;
  [[nodiscard]] bool keeps_states() const { return hidden_states_ || attentions_; }
  [[nodiscard]] bool keeps_hidden_states() const { return hidden_states_; }
  [[nodiscard]] bool keeps_attentions() const { return attentions_; }
  [[nodiscard]] bool keeps_arrays() const { return scores_ || logits_ || keeps_states(); }

 private:
  void trace(std::span<const float> logits, const Candidates& candidates, StepNote& note) const;

  std::size_t vocab_size_;
  std::int64_t n_raw_, n_processed_;  // best tokens to report; -1: no log-probabilities
  bool scores_, logits_, hidden_states_, attentions_, trace_;
};

/// What was asked for of the states of one hypothesis, by its tokens.
class StateRecord {
 public:
  StateRecord(const StepNotes& notes, std::int32_t n_layers);

  /// What rows must want; points into this object.
  void add_to(RowWants& wants) const;
  /// Of the row of token `index` of the hypothesis.
  void take_hidden(std::int64_t index, std::int32_t layer, std::span<const float> hidden, StepOutputs& out) const;
  void take_attentions(std::int64_t index, std::int32_t layer, std::span<const float> probabilities,
                       std::int64_t n_heads, StepOutputs& out) const;
  /// Only the rows of the first `n` tokens count.
  static void truncate(std::int64_t n, StepOutputs& out);
  /// Adds the rows of `next` to those of `out`.
  static void append(StepOutputs&& next, StepOutputs& out);

 private:
  std::int32_t n_layers_;
  std::vector<std::int32_t> layers_ = {};  // 0 to n_layers, where hidden states are kept
  bool attentions_;
};

}  // namespace skald::decode
