// UTF-8 by the Unicode standard's table 3-7: no overlong forms, no surrogates, nothing above U+10FFFF.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace skald {

/// Length (1..4) of the well-formed sequence that `bytes` begins with; 0 if it begins with none (or is empty).
std::size_t utf8_sequence_length(std::string_view bytes);

/// Offset of the first byte that is not part of well-formed UTF-8; bytes.size() if all of it is.
std::size_t first_invalid_utf8(std::string_view bytes);

/// Code point of the well-formed sequence of `length` bytes at `bytes`.
char32_t decode_utf8(std::string_view bytes, std::size_t length);

/// Appends `code_point` (not a surrogate, at most U+10FFFF).
void append_utf8(std::string& out, char32_t code_point);

}  // namespace skald
