// The beam scorers of transformers 4.49: the n best hypotheses that ended, and the loop around them.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "decode/strategies/beam_strategy.h"

namespace skald::decode {

/// The best so many of the hypotheses that are added. Reference: BeamHypotheses, whose arithmetic is in f64.
class NBest {
 public:
  NBest(const BeamRules& rules, std::size_t n_beams) : rules_(rules), n_wanted_(rules.n_wanted(n_beams)) {}

  void add(Hypothesis hypothesis);
  /// Whether nothing better can come. `best_sum`: the largest sum of log-probabilities of `length` tokens;
  /// `max_length`: of tokens in the end.
  [[nodiscard]] bool is_done(float best_sum, std::int64_t length, std::int64_t max_length) const;
  [[nodiscard]] const std::vector<Hypothesis>& hypotheses() const { return hypotheses_; }

 private:
  BeamRules rules_;
  std::size_t n_wanted_;
  std::vector<Hypothesis> hypotheses_;
  double worst_score_ = 1e9;
};

/// What group and constrained beam search share.
class NBestSearch : public BeamStrategy {
 protected:
  using BeamStrategy::BeamStrategy;

  /// Adds those of the best continuations that end, and are `acceptable`, to `ended`; only the first `n` of all may.
  /// Returns the first `n` that go on. Reference: the loop of process().
  std::vector<Continuation> split(std::vector<Continuation>& best, std::size_t n,
                                  const std::function<bool(const Continuation&)>& acceptable, NBest& ended);
  [[nodiscard]] bool is_done(const std::vector<Continuation>& best, const NBest& ended) const;
  /// Whether the length or the time is reached.
  [[nodiscard]] bool is_over() const;

  static void append_tokens(const NBest& ended, std::vector<std::span<const TokenId>>& tokens);
};

/// Best first; of equal ones the last comes first, as the reference pops them.
void sort_as_popped(std::vector<Hypothesis>& hypotheses);

}  // namespace skald::decode
