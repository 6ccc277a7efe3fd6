// Greedy decoding and sampling: completions that share one prefill and then go their own ways, with drafts or without.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "decode/completion_writer.h"
#include "decode/dola.h"
#include "decode/drafting/drafter.h"
#include "decode/logits_source.h"
#include "decode/prompt_logprobs.h"
#include "decode/sampling_request.h"
#include "decode/step_note.h"
#include "decode/strategy.h"

namespace skald::decode {

/// Strategy of `num_return_sequences` completions: greedy where do_sample is off, else drawn.
///
/// A step of a completion gives the logits of its next token; with a draft of k tokens, those of the k tokens after it
/// as well. Tokens are chosen one after the other, each with the processors in the state that the ones before left, and
/// those are kept up to the first that is not the draft's.
class Sampling final : public DecodingStrategy {
 public:
  Sampling(SamplingRequest request, LanguageModel& model);

  void plan(StepPlan& plan) override;
  void take(std::int32_t row, std::span<float> logits, Scratch& scratch) override;
  void take_early(std::int32_t row, std::int32_t layer, std::span<const float> logits) override;
  void take_hidden(std::int32_t row, std::int32_t layer, std::span<const float> hidden) override;
  void take_attentions(std::int32_t row, std::int32_t layer, std::span<const float> probabilities,
                       std::int64_t n_heads) override;
  void advance() override;
  [[nodiscard]] bool finished() const override { return n_open_ == 0; }
  void finish(FinishReason reason, std::string_view notice) override;
  [[nodiscard]] std::span<Output> outputs() override { return outputs_; }

 private:
  // A token that cannot stand at a place of the completion: nothing could follow it.
  struct Barred {
    std::int64_t place;
    TokenId token;
  };
  struct Branch {
    CompletionWriter writer;
    LogitsSource source;
    ProcessorChain chain;
    std::unique_ptr<Drafter> drafter = {};
    std::vector<TokenId> draft = {};  // under verification
    std::vector<Dola> dola = {};      // by position of the plan
    std::vector<Barred> barred = {};
    StepNote next = {};     // chosen, not yet acted on; token -1: there is none
    bool drafting = false;  // this plan is the drafter's
  };

  void make_branches(LanguageModel& model);
  [[nodiscard]] std::unique_ptr<Drafter> make_drafter(LanguageModel& model, std::int64_t index) const;
  [[nodiscard]] DraftStart draft_start(const Branch& branch) const;
  void plan_branch(std::size_t index, StepPlan& plan);
  void plan_draft(Branch& branch, StepPlan& plan);
  [[nodiscard]] bool resumes() const { return std::ssize(given_) > branches_[0].writer.n_generated(); }
  [[nodiscard]] std::size_t owner_of(std::int32_t row) const {
    return static_cast<std::size_t>(row_owner_[static_cast<std::size_t>(row)]);
  }
  [[nodiscard]] RowWants wants_of(Branch& branch) const;
  void share(std::size_t index, std::span<const float> logits, Scratch& scratch) const;
  [[nodiscard]] std::size_t dola_layer(const Dola& dola, std::span<const float> logits) const;
  void weigh_first(std::span<float> logits, Scratch& scratch);
  void weigh(std::size_t index, std::int64_t position, std::span<float> logits, Scratch& scratch);
  bool mix_with_draft(const Branch& branch, std::int64_t position, Candidates& candidates) const;
  static bool remove_barred(const Branch& branch, std::int64_t place, Candidates& candidates);
  [[nodiscard]] TokenId choose(const Candidates& candidates, std::int64_t index, std::int64_t step) const;
  void begin_completions();
  void settle(std::size_t index);
  [[nodiscard]] bool append(std::size_t index);
  void step_back(Branch& branch);
  void close(std::size_t index, FinishReason reason, std::string_view notice = {});

  SamplingRequest request_;
  StateRecord states_;
  PromptLogprobs of_prompt_;
  std::vector<Output> outputs_;
  std::vector<Branch> branches_;         // by completion index
  std::vector<std::int32_t> row_owner_;  // completion index by row of the plan
  std::optional<Scratch> scratch_ = {};  // of advance(), where choices wait for it
  std::size_t n_open_ = 0;
  std::vector<TokenId> given_;  // tokens that the only completion begins with
  bool defers_ = false;         // choices are made in advance(), in order: of drafts, and where a caller's code runs
  bool prefilled_ = false;
};

}  // namespace skald::decode
