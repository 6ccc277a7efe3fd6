// The man page: what --help says of every command, as roff.
#pragma once

#include <string>

namespace skald::cli {

std::string manual();

}  // namespace skald::cli
