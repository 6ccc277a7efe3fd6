// A text written together: the command shows what may come next, a person chooses.
#pragma once

#include <optional>
#include <string>

#include "skald/session.h"

namespace skald::cli {

struct GuidedSettings {
  std::optional<std::string> file = {};  // where the session is saved after every choice
  std::int64_t shown = 5;                // how many of the most probable tokens
  bool json = false;                     // write the text as JSON, with its tokens and who chose them
};

/// Asks until "quit" or the end of the input, then writes the text.
int run_guided(Session& session, const GuidedSettings& settings);

}  // namespace skald::cli
