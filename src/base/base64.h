// Base64 (RFC 4648), as JSON carries bytes.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace skald {

std::string encode_base64(std::string_view bytes);

/// Nothing where `text` is no base64; padding may be missing.
std::optional<std::string> decode_base64(std::string_view text);

}  // namespace skald
