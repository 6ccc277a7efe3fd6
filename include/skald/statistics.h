// What a model's engine has done since it was loaded.
#pragma once

#include <cstddef>
#include <cstdint>

namespace skald {

/// Of all calls on a model and its companions (a draft, experts) together.
struct Statistics {
  std::int64_t passes = 0;              // forward passes
  std::int64_t rows = 0;                // tokens that went through them
  std::int64_t encoder_passes = 0;      // of encoder-decoders: each takes the inputs of several requests
  std::int64_t cached_prompt_rows = 0;  // tokens of prompts that an earlier request had computed
  std::int64_t preemptions = 0;         // of requests that gave their memory to older ones and ran again later
  std::int64_t kept_sequences = 0;      // beginnings that are kept for later requests now
  std::size_t state_bytes = 0;          // keys, values and other state in memory now, with what is kept
};

}  // namespace skald
