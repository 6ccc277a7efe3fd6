// skald pull.
#pragma once

#include <memory>

#include "command.h"

namespace skald::cli {

std::unique_ptr<Command> make_pull();

}  // namespace skald::cli
