// skald generate --interactive: prompts from the keyboard, each continued on its own.
#pragma once

#include "skald/model.h"

namespace skald::cli {

/// Reads a prompt a line from standard input until its end. Ctrl-C ends the text under way, or the session where there
/// is none. Returns the exit code.
int run_interactive(const Model& model, const GenerationConfig& config);

}  // namespace skald::cli
