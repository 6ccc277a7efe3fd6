#include "decode/sampling_request.h"

#include <algorithm>

namespace skald::decode {

const char* SamplingRequest::stop_of(TokenId token) const {
  const auto has = [token](const std::vector<TokenId>& tokens) {
    return std::ranges::find(tokens, token) != tokens.end();
  };
  if (has(stops.eos)) return "eos_token_id";
  if (config.stop_token_ids && has(*config.stop_token_ids)) return "stop_token_ids";
  return has(stops.stop_tokens) ? "stop_strings" : nullptr;
}

const char* SamplingRequest::length_option() const {
  return config.max_length && !config.max_new_tokens ? "max_length" : "max_new_tokens";
}

bool SamplingRequest::meets_criterion(std::int64_t index, std::span<const TokenId> history) const {
  if (hooks == nullptr) return false;
  const StepView view{
      .prompt_index = prompt_index, .index = index, .token_ids = history, .prompt_length = std::ssize(visible())};
  return std::ranges::any_of(hooks->stopping_criteria, [&](const StopHook& hook) { return hook(view); });
}

Completion SamplingRequest::begun(std::int64_t index) const {
  Completion completion;
  completion.prompt_index = prompt_index;
  completion.index = index;
  completion.seed = seed;
  completion.notices = notices;
  completion.prompt_tokens = std::ssize(input());
  if (healed) {
    completion.text = *healed;
    completion.healed_prompt = prompt;
  }
  return completion;
}

ChainSetup SamplingRequest::chain_setup(std::size_t min_keep) const {
  const auto length = static_cast<std::int64_t>(visible().size());
  return {.prompt_length = length,
          .n_pads = length - static_cast<std::int64_t>(prompt.size()),
          .max_length = length + stops.max_new_tokens,
          .encoder_input = input(),
          .vocab_size = vocab_size,
          .min_keep = min_keep,
          .hooks = hooks.get(),
          .group_logits = group_logits,
          .constraints = constraints.get(),
          .n_completions = std::max(config.num_beams.value_or(1), config.num_return_sequences.value_or(1)),
          .seed = seed,
          .dry_breakers = dry_breakers};
}

}  // namespace skald::decode
