// From a prompt and a resolved configuration to a request: everything that can be wrong is found here, before anything
// runs.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "decode/resolve.h"
#include "decode/sampling_request.h"
#include "engine/engine.h"
#include "engine/model_set.h"
#include "skald/model.h"

namespace skald::engine {

/// What an adapter is called: the last part of its folder's path.
std::string adapter_name(const std::string& folder);

/// Number of the adapter called `name`; 0 for "". Throws OptionError where none is.
std::int32_t find_adapter(const std::string& name, const Names& adapters);

/// What all prompts of one call have in common.
struct CallSetup {
  /// Throws OptionError for options that this model cannot take.
  CallSetup(const decode::ResolvedConfig& resolved, const ModelSet& models, Engine& engine);

  /// Code of the caller's own that every request of the call runs.
  void set_hooks(Hooks hooks);
  /// The prompts' last tokens were chosen anew: what each says beyond what was given (option token_healing).
  void set_healed(std::vector<std::string> healed) { healed_ = std::move(healed); }
  /// The only completion of the only prompt goes on from there.
  void set_resume(decode::Resume resume) { resume_ = std::move(resume); }

  /// The prompts of one call. Throws as below.
  [[nodiscard]] std::vector<Request> make_requests(const std::vector<Prompt>& prompts) const;
  /// Whether the requests of a call must step together: their draws come from one generator, or something looks at all
  /// rows of a step.
  [[nodiscard]] bool lockstep() const { return draws_as_torch() || votes() || looks_at_all(); }

 private:
  /// Throws OptionError for a prompt that is no prompt of this model (empty without a bos token, an id out of range,
  /// text without a tokenizer), LimitError for one that is too long. The prompt of an encoder-decoder is its encoder's
  /// input; the decoder begins with one token.
  [[nodiscard]] Request make_request(decode::SamplingRequest request) const;
  [[nodiscard]] decode::SamplingRequest begin_request(const Prompt& prompt, std::int64_t prompt_index) const;
  [[nodiscard]] bool draws_as_torch() const;
  [[nodiscard]] bool votes() const;
  [[nodiscard]] bool looks_at_all() const { return hooks_ && !hooks_->group_logits_processors.empty(); }
  void share(std::vector<decode::SamplingRequest>& requests) const;
  void pad(std::vector<decode::SamplingRequest>& requests) const;
  [[nodiscard]] std::vector<TokenId> prompt_ids(const Prompt& prompt, std::int64_t prompt_index) const;
  void read_stop_strings();
  void check_length(const decode::SamplingRequest& request) const;
  void limit_length(decode::SamplingRequest& request) const;
  void warn_of_length(decode::SamplingRequest& request) const;
  void set_up_drafts(decode::SamplingRequest& request) const;
  [[nodiscard]] bool draft_reads(const std::vector<TokenId>& encoder_input) const;
  [[nodiscard]] std::vector<SequenceNeed> needs_of(const decode::SamplingRequest& request) const;

  decode::ResolvedConfig resolved_;  // texts of options looked up
  const ModelSet& models_;
  Engine& engine_;
  decode::StopRules stops_;                    // but for the length
  std::shared_ptr<const Hooks> hooks_;         // null: none
  std::shared_ptr<TorchRandom> torch_random_;  // null: of the seed
  std::shared_ptr<const decode::SequenceBreakers> dry_breakers_ = {};
  std::shared_ptr<const decode::Constraints> constraints_ = {};
  decode::Resume resume_ = {};
  std::vector<std::string> healed_ = {};  // by prompt; empty: they are as given
  std::shared_ptr<const Conditions> conditions_;
  std::vector<ForcedWord> forced_words_;
  TokenId decoder_start_ = -1;  // of an encoder-decoder
};

}  // namespace skald::engine
