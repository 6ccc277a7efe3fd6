// What the engine has done so far. Written by its thread, read by any.
#pragma once

#include <atomic>
#include <cstdint>

namespace skald::engine {

struct Counters {
  using Count = std::atomic<std::int64_t>;
  Count passes = 0;  // forward passes of all models
  Count rows = 0;    // of them
  Count encoder_passes = 0;
  Count cached_rows = 0;     // of prompts, that another request had computed
  Count preemptions = 0;     // of requests
  Count state_bytes = 0;     // in use after the last step, with what is kept for later requests
  Count kept_sequences = 0;  // for later requests
};

}  // namespace skald::engine
