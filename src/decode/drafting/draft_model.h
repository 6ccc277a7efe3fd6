// A smaller model drafts token by token, with the processors and the random numbers of the model
// that it drafts for: Leviathan et al. 2022, https://arxiv.org/abs/2211.17192 , with equality in the place of rejection
// sampling, so that the text is that of the large model alone.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "decode/drafting/draft_length.h"
#include "decode/drafting/draft_translator.h"
#include "decode/drafting/drafter.h"
#include "decode/track.h"

namespace skald::decode {

/// Chooses the token of generation step `step` from candidates; -1: there is none.
using Pick = std::function<TokenId(const Candidates& candidates, std::int64_t step)>;

/// Where the draft model has other tokens: by way of what, and what it chooses by.
struct ForeignTokens {
  std::unique_ptr<DraftTranslator> translator;
  ProcessorChain chain;  // of what does not name tokens
};

struct DraftModelOptions {
  ModelIndex model = 1;
  std::int32_t exit_after = 0;  // the model drafts for itself with its first layers: Elhoushi et al. 2024 (LayerSkip),
                                // https://arxiv.org/abs/2404.16710 ; 0: it is another one
  double threshold = 0;         // a token less probable than this ends the draft
  std::vector<TokenId> ends;    // as do these
  std::int64_t longest = 0;     // tokens that its sequence may have; 0: any number
  bool keeps_log_probs = false;
  ForeignTokens foreign = {};  // translator null: it has the same tokens
};

class DraftModel final : public Drafter {
 public:
  DraftModel(LanguageModel& model, std::vector<TokenId> prompt, DraftModelOptions options, DraftLength length,
             Pick pick);

  void begin(const DraftStart& start) override;
  bool plan(StepPlan& plan) override;
  void take(std::int32_t row, std::span<float> logits, Scratch& scratch) override;
  void advance() override;
  [[nodiscard]] std::span<const TokenId> draft() const override { return own_draft_; }
  [[nodiscard]] std::span<const float> log_probs(std::size_t place) const override {
    return place < log_probs_.size() ? std::span<const float>(log_probs_[place]) : std::span<const float>();
  }
  void learn(std::int64_t n_kept) override { length_.learn(static_cast<std::int64_t>(own_draft_.size()), n_kept); }

 private:
  [[nodiscard]] bool follow(std::span<const TokenId> generated);
  void begin_foreign(const DraftStart& start);
  void translate();
  void keep_log_probs(const Candidates& candidates);
  [[nodiscard]] Track& ahead() { return ahead_ ? *ahead_ : seen_; }

  DraftModelOptions options_;
  std::size_t n_prompt_;
  std::size_t vocab_size_;       // of the model that is drafted for
  std::int64_t n_tokens_known_;  // vocabulary of the draft model
  std::int64_t n_positions_;     // that the draft model has; 0: any number
  DraftLength length_;
  Pick pick_;
  Track seen_;                  // what is certain; not used where the model drafts for itself
  std::optional<Track> ahead_;  // a fork of it that goes on with the draft
  ProcessorChain chain_;
  std::vector<TokenId> history_;               // visible one, with the draft
  std::vector<std::vector<float>> log_probs_;  // by token of the draft: [vocab_size_]
  std::vector<float> logits_;                  // [vocab_size_] where the draft model's vocabulary is smaller
  std::int64_t prompt_length_ = 0;
  std::int64_t n_generated_ = 0;      // before the draft
  std::size_t n_wanted_ = 0;          // tokens that the draft should have
  TokenId next_ = -1;                 // chosen by take()
  bool lost_ = false;                 // the prompt has a token that the draft model does not have
  bool sure_ = true;                  // it is probable enough to go on
  std::vector<TokenId> draft_;        // in the draft model's tokens
  std::vector<TokenId> own_draft_;    // in those of the model that is drafted for
  std::size_t longest_ = 0;           // of own_draft_
  std::vector<TokenId> own_history_;  // where they differ
};

}  // namespace skald::decode
