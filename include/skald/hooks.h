// A caller's own code in the decoding loop.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "skald/generation_config.h"
#include "skald/torch_random.h"

namespace skald {

/// One completion at one step, as its caller's code sees it.
struct StepView {
  std::int64_t prompt_index = 0;
  std::int64_t index = 0;              // of the completion among those of its prompt; of beams, the beam
  std::span<const TokenId> token_ids;  // prompt and what was generated
  std::int64_t prompt_length = 0;      // of token_ids
};

/// Changes the logits [vocab_size] of the next token in place; -inf takes a token out.
using LogitsHook = std::function<void(const StepView&, std::span<float> logits)>;

/// The same for all rows of a call together: logits [rows.size(), vocab_size]. Rows that have ended are not among them.
using GroupLogitsHook = std::function<void(std::span<const StepView> rows, std::span<float> logits)>;

/// True ends the completion with the token that came last (finish_reason "stop").
using StopHook = std::function<bool(const StepView&)>;

/// The tokens that may come next, as transformers' prefix_allowed_tokens_fn.
using AllowedTokens = std::function<std::vector<TokenId>(const StepView&)>;

/// Called on the engine's thread, one at a time; an exception ends the call and is rethrown from Generation::wait().
/// The engine cannot be entered from here.
struct Hooks {
  std::vector<LogitsHook> logits_processors = {};  // in order, after the options' own changes and before the warpers
  std::vector<GroupLogitsHook> group_logits_processors = {};  // behind those; the rows of the call step together
  std::vector<StopHook> stopping_criteria = {};               // any of them ends the completion
  AllowedTokens prefix_allowed_tokens_fn = {};                // empty: all
  /// Where draws have torch's numbers (profile hf): the generator that they come from, instead of one of the seed.
  std::shared_ptr<TorchRandom> torch_random = {};
};

}  // namespace skald
