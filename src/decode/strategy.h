// A decoding strategy: a small state machine between the two halves of a step.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "decode/candidates.h"
#include "decode/language_model.h"
#include "skald/model.h"  // Completion

namespace skald::decode {

/// What rows of a plan give beside logits.
struct RowWants {
  std::span<const std::int32_t> hidden_at = {};  // all of them: hidden states after these layers, to take_hidden()
  std::span<const std::int32_t> logits_at = {};  // those that want logits: the head on earlier layers, to take_early()
  bool all_logits = false;                       // all of them want logits, not the last ones alone
  std::int32_t exit_after = 0;                   // all of them stop after so many layers; 0: none before the last
  bool attentions = false;                       // all of them: probabilities of every layer, to take_attentions()
  /// Whether every row wants something.
  [[nodiscard]] bool of_all_rows() const { return !hidden_at.empty() || all_logits || attentions; }
};

/// Rows that a strategy wants computed next. The engine may compute them over several forward passes (a long prompt).
class StepPlan {
 public:
  virtual ~StepPlan() = default;
  /// Rows for `tokens`, which follow on in `sequence` of model `model` (0: the main one); the last `n_logits` of them
  /// want logits. `tokens` must stay in place until advance(), as must what `also` points to. Returns the index of the
  /// first row that wants something: such rows are counted over the whole plan.
  virtual std::int32_t add(ModelIndex model, SequenceHandle sequence, std::span<const TokenId> tokens,
                           std::int64_t n_logits, const RowWants& also = {}) = 0;
};

/// One completion as far as it is known, and how much of it its caller has been told.
struct Output {
  Completion completion = {};
  std::size_t text_told = 0;        // bytes of completion.text
  std::size_t tokens_told = 0;      // of completion.token_ids
  std::string tentative = {};       // what may follow the text, where that is asked for
  std::string tentative_told = {};  // of it: what the caller has been told last
  // What may be told before the end: the rest may still be taken back.
  std::size_t text_settled = std::string::npos;
  std::size_t tokens_settled = std::string::npos;
  bool finished = false;
  bool finish_told = false;
  bool timed = false;  // its timings are final
};

/// What one thread needs to weigh a row.
struct Scratch {
  explicit Scratch(std::size_t vocab_size) : candidates(vocab_size) {}
  Candidates candidates;
  std::vector<float> raw_logits;  // [vocab_size] once a request has asked for log-probabilities
};

/// Greedy and sampling, beams, contrastive, assisted, ...: one object a request. It owns its sequences through
/// LanguageModel: appends, forks, rewinds and drops them.
///
/// A step is plan(), then take() for every row that wanted logits, then advance(). The rows come one by one because
/// logits never lie in memory for more than 64 rows at once: a strategy that weighs rows against each other keeps the
/// few best of each in take() and decides in advance(). A step may be abandoned after some take() calls and be run
/// again from there with the same rows, so that take() only notes and advance() acts.
class DecodingStrategy {
 public:
  virtual ~DecodingStrategy() = default;
  virtual void plan(StepPlan& plan) = 0;
  /// Raw logits [vocab_size] of row `row` (as add() counted); may be changed in place. Called for different rows at the
  /// same time from several threads, each with its own `scratch`.
  virtual void take(std::int32_t row, std::span<float> logits, Scratch& scratch) = 0;
  /// Hidden state of row `row` after `layer` layers (behind the final norm after the last); before the row's take().
  /// One row at a time.
  virtual void take_hidden(std::int32_t /*row*/, std::int32_t /*layer*/, std::span<const float> /*hidden*/) {}
  /// Attention probabilities [n_heads, n_keys] of row `row` in layer `layer`, likewise.
  virtual void take_attentions(std::int32_t /*row*/, std::int32_t /*layer*/, std::span<const float> /*probabilities*/,
                               std::int64_t /*n_heads*/) {}
  /// Logits [vocab_size] that row `row` would have after `layer` layers; before its take(). One row at a time.
  virtual void take_early(std::int32_t /*row*/, std::int32_t /*layer*/, std::span<const float> /*logits*/) {}
  /// All rows of the plan are computed and committed.
  virtual void advance() = 0;
  [[nodiscard]] virtual bool finished() const = 0;
  /// Ends every completion that is still open, with the text it has.
  virtual void finish(FinishReason reason, std::string_view notice) = 0;
  /// The completions, by index.
  [[nodiscard]] virtual std::span<Output> outputs() = 0;
};

}  // namespace skald::decode
