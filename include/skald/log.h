// Where the library's notices go. By default nowhere: a library does not print.
#pragma once

#include <functional>
#include <string_view>

#include "skald/export.h"

namespace skald {

enum class LogLevel { info, warning };

/// Receives one line of text, without a line end. May be called from any thread, one call at a time.
using LogSink = std::function<void(LogLevel, std::string_view)>;

/// Replaces the sink of the process; an empty one silences it.
SKALD_API void set_log_sink(LogSink sink);

}  // namespace skald
