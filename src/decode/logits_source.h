// Where the logits of a hypothesis come from: its own sequence, and what guides it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "decode/guidance.h"
#include "decode/track.h"

namespace skald::decode {

/// Plans the rows of all sequences of one hypothesis and puts their logits together. They fork and rewind as one.
class LogitsSource {
 public:
  /// `guidance`: may be null; else it must outlive the source.
  LogitsSource(LanguageModel& model, std::vector<TokenId> prompt, const Guidance* guidance);

  [[nodiscard]] LogitsSource fork() const;
  void push(TokenId token);
  /// Keeps the first `n` tokens of the hypothesis (the prompt's count).
  void truncate(std::size_t n);
  void drop();

  /// Asks for the logits after each of the last `n_logits` tokens. `n_tentative`: see Track::plan. `also`: of the
  /// hypothesis' own rows. With `keep`, take() leaves the logits here until the next plan.
  void plan(StepPlan& plan, std::int64_t n_logits, std::int64_t n_tentative = 0, const RowWants& also = {},
            bool keep = false);
  /// Tentative tokens of the next plan, at most.
  [[nodiscard]] std::int64_t longest_draft() const;
  /// Rows of the plan that are this source's: [first_row(), first_row() + n_rows()).
  [[nodiscard]] std::int32_t first_row() const { return tracks_.front().first_row; }
  [[nodiscard]] std::int32_t n_rows() const { return n_rows_; }

  struct Ready {
    std::int64_t position = 0;  // in [0, n_logits)
    std::span<float> logits;    // [vocab_size]; may be changed
  };
  /// Takes the logits of a row of the plan. Returns those of a position once all that make them up are there; nothing
  /// before that. Any thread; each row once.
  std::optional<Ready> take(std::int32_t row, std::span<float> logits);
  /// What the model gave at a position before guidance: `logits`, as take() or kept() returned them, where there is
  /// none.
  [[nodiscard]] std::span<const float> own(std::int64_t position, std::span<const float> logits) const;
  /// Where they were kept: the logits [vocab_size] of one position.
  [[nodiscard]] std::span<float> kept(std::int64_t position);
  /// Position in [0, n_logits) of a row of the hypothesis' own sequence.
  [[nodiscard]] std::int64_t position_of(std::int32_t row) const;
  /// Index in tokens() of the token of such a row.
  [[nodiscard]] std::int64_t token_of(std::int32_t row) const;
  /// Whether `row` is one of the hypothesis' own.
  [[nodiscard]] bool is_own(std::int32_t row) const { return row < tracks_.front().first_row + n_own_rows_; }
  /// The plan is computed.
  void commit();

  /// The hypothesis' own sequence.
  [[nodiscard]] const Track& track() const { return tracks_.front().track; }
  /// Prompt and what followed.
  [[nodiscard]] const std::vector<TokenId>& tokens() const { return tracks_.front().track.tokens(); }

 private:
  struct Voice {  // one of the sequences
    Track track;
    std::int32_t first_row = 0;
    std::vector<float> logits = {};  // [n_logits, its vocab_size]; of guided ones log-probabilities
  };
  LogitsSource() = default;
  [[nodiscard]] std::size_t voice_of(std::int32_t row) const;
  [[nodiscard]] std::span<float> logits_of(std::size_t voice, std::int64_t position);
  void combine(std::int64_t position);

  const Guidance* guidance_ = nullptr;
  std::vector<Voice> tracks_;  // the hypothesis' own, then those of guidance
  std::int64_t n_logits_ = 0;
  std::int64_t n_own_rows_ = 0;  // of the plan: n_logits, or all where each wants something
  std::int32_t n_rows_ = 0;
  bool keep_ = false;
  std::vector<float> own_logits_;                            // [n_logits, vocab_size] where there is guidance
  std::vector<std::size_t> vocab_sizes_;                     // by voice
  std::unique_ptr<std::atomic<std::uint32_t>[]> n_missing_;  // by position
  std::int64_t n_counters_ = 0;
};

}  // namespace skald::decode
