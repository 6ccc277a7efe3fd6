// Beam search and beam sampling: the best continuations of all beams go on together. Reference: transformers 5.23,
// GenerationMixin._beam_search, whose arithmetic in f32 and rules of finishing are kept.
#pragma once

#include <vector>

#include "decode/strategies/beam_strategy.h"

namespace skald::decode {

/// Strategy of `num_beams` beams, of which the best `num_return_sequences` are returned, best first. Streams the text
/// that all beams share.
class BeamSearch final : public BeamStrategy {
 public:
  BeamSearch(SamplingRequest request, LanguageModel& model);

 private:
  bool step() override;
  [[nodiscard]] std::vector<Hypothesis> best() override;
  [[nodiscard]] std::vector<std::span<const TokenId>> ended_tokens() const override;

  void find_ends(std::vector<Continuation>& best) const;
  void collect_ended(const std::vector<Continuation>& best);
  [[nodiscard]] std::vector<Continuation> successors(const std::vector<Continuation>& best) const;
  [[nodiscard]] bool is_full() const;
  [[nodiscard]] bool can_improve() const;
  [[nodiscard]] float penalized(float sum, std::int64_t length) const;

  std::vector<Hypothesis> ended_;  // best first; a place of one that is still to come has not ended
  bool may_improve_ = true;
};

}  // namespace skald::decode
