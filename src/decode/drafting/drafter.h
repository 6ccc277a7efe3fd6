// Drafts: tokens that may well come next, computed together with the model's next token and kept while they are what
// the model chooses itself. A draft changes speed only.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "decode/chain.h"
#include "decode/strategy.h"
#include "decode/track.h"

namespace skald::decode {

/// What a draft follows on.
struct DraftStart {
  std::span<const TokenId> history;    // visible history of the completion
  std::span<const TokenId> generated;  // of it, what was generated
  const ProcessorChain* chain;         // its state; to be copied
  const Track* own;                    // the completion in its own model; all but the last token computed
  std::int64_t prompt_length = 0;      // of `history`
  std::int64_t longest = 0;            // tokens of the draft at most
};

/// Drafts for one completion. A draft may take steps of its own (a draft model computes it token by token): after
/// begin(), plan(), take() and advance() run until plan() has nothing to ask for.
class Drafter {
 public:
  virtual ~Drafter() = default;
  virtual void begin(const DraftStart& start) = 0;
  /// Asks for rows; false: draft() is complete.
  virtual bool plan(StepPlan& /*plan*/) { return false; }
  virtual void take(std::int32_t /*row*/, std::span<float> /*logits*/, Scratch& /*scratch*/) {}
  virtual void advance() {}
  [[nodiscard]] virtual std::span<const TokenId> draft() const = 0;
  /// Log-probabilities [vocab_size] that token number `place` of the draft was chosen from; empty: they are not kept.
  [[nodiscard]] virtual std::span<const float> log_probs(std::size_t /*place*/) const { return {}; }
  /// How the draft did: `n_kept` of its tokens were what the model chose.
  virtual void learn(std::int64_t /*n_kept*/) {}
};

}  // namespace skald::decode
