// Models from a hub: its HTTP API, by which they come into the Hugging Face cache.
#pragma once

#include <cstdint>
#include <string>

#include "skald/hub_store.h"

namespace skald::cli {

struct Pulled {
  std::string path;  // as find_model() gives it
  std::string commit;
  std::size_t files = 0;            // of the model
  std::uint64_t bytes = 0;          // of them
  std::uint64_t bytes_fetched = 0;  // what was not there yet
};

/// Whether HF_HUB_OFFLINE (or TRANSFORMERS_OFFLINE) asks to stay off the network.
bool is_offline();

/// Fetches what is missing of the model from $HF_ENDPOINT (https://huggingface.co) with the token of $HF_TOKEN or of
/// `hf auth login`, goes on with what an earlier try left, and checks every file's sum. Throws Error that says what the
/// hub answered and what to do; CancelledError after Ctrl-C.
Pulled pull_model(const HubName& name, bool show_progress);

}  // namespace skald::cli
