// One prompt with everything resolved and checked: what strategies are made from.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "decode/chain.h"
#include "decode/guidance.h"
#include "decode/language_model.h"
#include "decode/stop_strings.h"
#include "skald/generation_config.h"
#include "skald/hooks.h"
#include "skald/model.h"  // Completion
#include "skald/notice.h"
#include "text/tokenizer.h"

namespace skald::decode {

class DolaVote;
class GroupLogits;
class TorchDraws;

/// When a completion ends.
struct StopRules {
  std::vector<TokenId> eos;                    // ends it, and belongs to its tokens
  std::vector<TokenId> stop_tokens;            // the same: stop_token_ids, stop strings that are one special token
  std::shared_ptr<const StopStrings> strings;  // null: none
  bool include_stop = false;
  std::int64_t max_new_tokens = 0;
  std::string max_new_notice = {};  // why the length is what it is, where the caller did not ask for it
  std::optional<std::chrono::steady_clock::time_point> deadline = {};

  /// Whether the deadline is over.
  [[nodiscard]] bool is_late() const { return deadline && std::chrono::steady_clock::now() > *deadline; }
};

/// Where drafts come from.
struct DraftSetup {
  ModelIndex model = -1;                       // of the draft model; -1: none
  std::int32_t exit_after = 0;                 // the model is the request's own, and drafts with so many layers; 0: no
  const text::Tokenizer* tokenizer = nullptr;  // of the draft model, where it differs from the request's
  std::vector<TokenId> prompt = {};            // as the draft model sees it, where its tokenizer differs
  std::int64_t longest = 0;                    // tokens that it may have then
  std::int64_t lookup = 0;                     // tokens that prompt lookup proposes at most; 0: off
  [[nodiscard]] bool drafts() const { return model >= 0 || lookup > 0; }
};

/// Completion::stopped_by of one that paused.
inline constexpr const char* kPause = "pause";

/// A completion that goes on from tokens it has.
struct Resume {
  std::vector<TokenId> tokens = {};  // of the continuation: taken as chosen, whoever chose them
  std::int64_t most = 0;             // tokens of the continuation after which it pauses; 0: none
  std::uint32_t fork = 0;            // DrawKey::fork of the draws that follow
};

struct SamplingRequest {
  std::vector<TokenId> prompt;               // what the model sees; not empty
  std::vector<TokenId> visible_prompt = {};  // what processors see (lockstep: with pads); empty: the prompt
  std::vector<TokenId> encoder_input = {};   // of an encoder-decoder: `prompt` is then what its decoder begins with
  GenerationConfig config;
  StopRules stops;
  const text::Tokenizer* tokenizer = nullptr;  // null: ids only
  std::uint64_t seed = 0;
  std::int64_t prompt_index = 0;           // in the call
  std::optional<std::string> healed = {};  // the prompt was healed: what its last token says beyond what was given
  std::size_t vocab_size = 0;
  std::shared_ptr<const Guidance> guidance = {};  // null: none
  DraftSetup draft = {};
  std::shared_ptr<TorchDraws> torch_draws = {};               // null: draws by the counter-based generator
  std::shared_ptr<const Hooks> hooks = {};                    // null: none
  std::shared_ptr<GroupLogits> group_logits = {};             // null: none of them looks at all rows of the call
  std::shared_ptr<DolaVote> dola_vote = {};                   // null: each row chooses its layer
  std::shared_ptr<const SequenceBreakers> dry_breakers = {};  // null: none
  std::shared_ptr<const Constraints> constraints = {};        // null: none
  std::vector<Notice> notices = {};                           // on its options
  Resume resume = {};                                         // of greedy decoding and sampling, with one completion
  std::vector<ForcedWord> forced_words = {};                  // of constrained beam search

  [[nodiscard]] const std::vector<TokenId>& visible() const { return visible_prompt.empty() ? prompt : visible_prompt; }
  /// What the caller gave: the prompt, or the encoder's input.
  [[nodiscard]] const std::vector<TokenId>& input() const { return encoder_input.empty() ? prompt : encoder_input; }
  /// The option by which `token` ends a completion; null: it does not.
  [[nodiscard]] const char* stop_of(TokenId token) const;
  /// The option that limits the length.
  [[nodiscard]] const char* length_option() const;
  /// Whether a criterion of the caller ends completion (of beams: beam) `index`, whose visible history this is.
  [[nodiscard]] bool meets_criterion(std::int64_t index, std::span<const TokenId> history) const;
  /// What is known of completion `index` before its first token.
  [[nodiscard]] Completion begun(std::int64_t index) const;
  [[nodiscard]] ChainSetup chain_setup(std::size_t min_keep = 1) const;
};

}  // namespace skald::decode
