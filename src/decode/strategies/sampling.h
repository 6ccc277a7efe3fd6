// Greedy decoding and sampling: completions that share one prefill and then go their own ways.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "decode/chain.h"
#include "decode/dola.h"
#include "decode/strategy.h"
#include "decode/text_stream.h"

namespace skald::decode {

/// When a completion ends.
struct StopRules {
  std::vector<TokenId> eos;                    // ends it, and belongs to its tokens
  std::vector<TokenId> stop_tokens;            // the same, for stop strings that are one special token
  std::shared_ptr<const StopStrings> strings;  // null: none
  bool include_stop = false;
  std::int64_t max_new_tokens = 0;
  std::string max_new_notice = {};  // why the length is what it is, where the caller did not ask for it
  std::optional<std::chrono::steady_clock::time_point> deadline = {};
};

/// One prompt with everything resolved and checked.
struct SamplingRequest {
  std::vector<TokenId> prompt;               // what the model sees; not empty
  std::vector<TokenId> visible_prompt = {};  // what processors see (lockstep: with pads); empty: the prompt
  std::vector<TokenId> encoder_input = {};   // of an encoder-decoder: `prompt` is then what its decoder begins with
  GenerationConfig config;
  StopRules stops;
  const text::Tokenizer* tokenizer = nullptr;  // null: ids only
  std::uint64_t seed = 0;
  std::int64_t prompt_index = 0;  // in the call
  std::size_t vocab_size = 0;

  [[nodiscard]] const std::vector<TokenId>& visible() const { return visible_prompt.empty() ? prompt : visible_prompt; }
  /// What the caller gave: the prompt, or the encoder's input.
  [[nodiscard]] const std::vector<TokenId>& input() const { return encoder_input.empty() ? prompt : encoder_input; }
  [[nodiscard]] ChainSetup chain_setup(std::size_t min_keep = 1) const;
};

/// Strategy of `num_return_sequences` completions: greedy where do_sample is off, else drawn.
class Sampling final : public DecodingStrategy {
 public:
  Sampling(SamplingRequest request, LanguageModel& model);
  ~Sampling() override;

  void plan(StepPlan& plan) override;
  void take(std::int32_t row, std::span<float> logits, Scratch& scratch) override;
  void take_early(std::int32_t row, std::int32_t layer, std::span<const float> logits) override;
  void advance() override;
  [[nodiscard]] bool finished() const override { return n_open_ == 0; }
  void finish(FinishReason reason, std::string_view notice) override;
  [[nodiscard]] std::span<Output> outputs() override { return outputs_; }

 private:
  struct Branch {
    SequenceHandle sequence = -1;
    std::vector<TokenId> history;  // visible prompt and what was generated
    ProcessorChain chain;
    TextStream text;
    TokenLogprob next = {};  // chosen by take(), not yet acted on
    std::optional<Dola> dola = {};
  };

  [[nodiscard]] std::size_t branch_of(std::int32_t row) const;
  [[nodiscard]] RowWants wants_of(const Branch& branch) const;
  void choose(std::size_t index, const Scratch& scratch, std::int64_t step);
  void report(std::span<Branch> branches, std::span<const float> raw) const;
  void append(std::size_t index);
  [[nodiscard]] std::optional<FinishReason> end_of(Branch& branch, Completion& completion);
  void close(std::size_t index, FinishReason reason);

  SamplingRequest request_;
  LanguageModel& model_;
  std::vector<Branch> branches_;  // by completion index
  std::vector<Output> outputs_;
  std::vector<std::int32_t> planned_;  // completion index by row of the plan; one entry during prefill
  std::size_t n_open_;
  bool prefilled_ = false;
};

}  // namespace skald::decode
