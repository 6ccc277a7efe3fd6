#include "decode/sampling_request.h"

#include <algorithm>

namespace skald::decode {

ChainSetup SamplingRequest::chain_setup(std::size_t min_keep) const {
  const auto length = static_cast<std::int64_t>(visible().size());
  return {.prompt_length = length,
          .n_pads = length - static_cast<std::int64_t>(prompt.size()),
          .max_length = length + stops.max_new_tokens,
          .encoder_input = input(),
          .vocab_size = vocab_size,
          .min_keep = min_keep,
          .hooks = hooks.get(),
          .constraints = constraints.get(),
          .n_completions = std::max(config.num_beams.value_or(1), config.num_return_sequences.value_or(1)),
          .seed = seed,
          .dry_breakers = dry_breakers};
}

}  // namespace skald::decode
