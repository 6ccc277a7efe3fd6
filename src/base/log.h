// Notices for people (a fallback was taken, a tensor was not read). The library never prints: it tells the sink.
#pragma once

#include <string_view>

#include "skald/log.h"

namespace skald {

/// Hands one line to the sink that the program has set; nothing happens where none is.
void log_notice(LogLevel level, std::string_view line);

}  // namespace skald
