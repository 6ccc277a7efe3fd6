// Bytes as RWKV's vocabularies spell them: as Python writes strings and bytes.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace skald::text {

/// \t, \n, \r, \x1f, and a backslash before any other character, which then stands for itself. Nothing where
/// an escape is cut short or has no hexadecimal digits.
std::optional<std::string> unescape_bytes(std::string_view text);

}  // namespace skald::text
