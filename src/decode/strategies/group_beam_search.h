// Diverse beam search, Vijayakumar et al. 2016, https://arxiv.org/abs/1610.02424 : groups of beams, each of which finds
// less likely what the groups before chose at the same step. Reference: transformers 4.49,
// GenerationMixin._group_beam_search with BeamSearchScorer.
#pragma once

#include <vector>

#include "decode/strategies/n_best.h"

namespace skald::decode {

/// Strategy of `num_beam_groups` groups, together `num_beams` beams; the best hypotheses of all groups are returned.
class GroupBeamSearch final : public NBestSearch {
 public:
  GroupBeamSearch(SamplingRequest request, LanguageModel& model);

 private:
  struct Group {
    NBest ended;
    std::vector<std::size_t> members;  // its beams; at first all groups have the one
    std::vector<std::size_t> rows;     // where theirs are kept: their numbers, but at first
    bool done = false;
  };

  bool step() override;
  [[nodiscard]] std::vector<Hypothesis> best() override;
  [[nodiscard]] std::vector<std::span<const TokenId>> ended_tokens() const override;
  [[nodiscard]] std::vector<Continuation> choose(std::size_t number, std::span<const TokenId> group_tokens);

  std::vector<Group> groups_;
  std::size_t group_size_;
  TokenId pad_;  // what a group that is done chooses, to be counted as well
};

}  // namespace skald::decode
