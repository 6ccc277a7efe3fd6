// A text written together: the command shows what may come next, a person chooses.
#pragma once

#include <optional>
#include <string>

#include "skald/session.h"

namespace skald::cli {

/// Asks until "quit" or the end of the input, then writes the text. With `file`, the session is saved there after every
/// choice.
int run_guided(Session& session, const std::optional<std::string>& file);

}  // namespace skald::cli
