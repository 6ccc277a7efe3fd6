// Beam search whose texts contain given phrases, or one of several each. Reference: transformers 4.49,
// GenerationMixin._constrained_beam_search with ConstrainedBeamSearchScorer, after Post and Vilar 2018,
// https://arxiv.org/abs/1804.06609
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "decode/strategies/n_best.h"
#include "decode/strategies/phrase_constraints.h"

namespace skald::decode {

/// Strategy of `num_beams` beams that compete within banks of equal progress with the constraints. It is no guarantee:
/// what is returned without all of them says so in its notice.
class ConstrainedBeamSearch final : public NBestSearch {
 public:
  ConstrainedBeamSearch(SamplingRequest request, LanguageModel& model);

 private:
  struct Option {  // a continuation with the progress that it would have
    Continuation continuation;
    std::int64_t bank;
  };

  bool step() override;
  [[nodiscard]] std::vector<Hypothesis> best() override;
  [[nodiscard]] std::vector<std::span<const TokenId>> ended_tokens() const override;
  void look_at(std::size_t beam, const Candidates& candidates) override;

  [[nodiscard]] std::vector<Continuation> with_progress(std::vector<Continuation> next) const;
  void add_advancing(std::vector<Option>& options) const;
  [[nodiscard]] bool same_tokens(const Continuation& a, const Continuation& b) const;
  [[nodiscard]] std::string unmet_notice(const PhraseProgress& progress) const;

  PhraseList phrases_;
  NBest ended_;
  bool all_ended_ = false;                            // what still runs does not matter any more
  bool stuck_ = false;                                // no token is left that what still runs could go on with
  std::vector<PhraseProgress> progress_;              // by beam
  std::vector<std::vector<Continuation>> advancing_;  // by beam: those that get a constraint on
};

}  // namespace skald::decode
