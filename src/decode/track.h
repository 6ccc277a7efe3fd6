// The tokens of one hypothesis in one model, and how many of them it has computed.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "decode/strategy.h"

namespace skald::decode {

/// Owns a sequence of a model. Tokens are pushed and truncated freely; plan() asks for what is not computed yet. Where
/// the model cannot rewind (recurrent layers), a part that may be taken back is computed on a fork.
class Track {
 public:
  /// `prompt`: not empty. The model must outlive the track.
  Track(LanguageModel& model, ModelIndex index, std::vector<TokenId> prompt);
  Track(Track&& other) noexcept;
  Track& operator=(Track&& other) noexcept;
  ~Track() { drop(); }

  /// A track with the same tokens that shares what is computed. Not while a plan is under way.
  [[nodiscard]] Track fork() const;
  void push(TokenId token) { tokens_.push_back(token); }
  /// Keeps the first `n` tokens.
  void truncate(std::size_t n);
  /// Asks for the tokens that are not computed, of which the last `n_logits` give logits; computes tokens again where
  /// their logits are wanted anew. `n_tentative`: of the last tokens, how many may be truncated right after.
  /// Returns the plan's first row of this track.
  std::int32_t plan(StepPlan& plan, std::int64_t n_logits, std::int64_t n_tentative = 0, const RowWants& also = {});
  /// The plan is computed.
  void commit() { n_computed_ = tokens_.size(); }
  /// Gives the sequence back; the tokens stay.
  void drop();

  [[nodiscard]] const std::vector<TokenId>& tokens() const { return tokens_; }
  /// Tokens that may be tentative in the next plan at most: where a sequence is computed anew, no draft may cross.
  [[nodiscard]] std::int64_t longest_draft() const;
  /// Tokens that are not computed: those of the plan that is under way.
  [[nodiscard]] std::int64_t n_pending() const { return static_cast<std::int64_t>(tokens_.size() - n_computed_); }

 private:
  Track(const Track& other, SequenceHandle sequence);
  void restore(std::size_t n);
  void drop_kept();

  LanguageModel* model_;
  ModelIndex index_;
  std::size_t n_prompt_;
  std::vector<TokenId> tokens_;
  std::size_t n_computed_ = 0;
  SequenceHandle sequence_ = -1;  // -1: none yet
  SequenceHandle kept_ = -1;      // as it was before what may be taken back; -1: `sequence_` can rewind
  std::size_t n_kept_ = 0;        // tokens that kept_ has computed
};

}  // namespace skald::decode
