// skald generate --interactive: prompts from the keyboard, each continued on its own.
#pragma once

#include "dialogue.h"

namespace skald::cli {

/// Reads prompts from standard input until its end. Returns the exit code.
int run_interactive(Dialogue::Setup setup);

}  // namespace skald::cli
