// Characters as Python's str methods see them. Texts are valid UTF-8.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace skald::jinja {

enum class CharClass : std::uint8_t { alpha, decimal, digit, numeric, lower, upper, printable };
enum class Case : std::uint8_t { upper, lower, title, fold };

bool is_in(char32_t code, CharClass kind);
/// As \w of Python's re.
bool is_word(char32_t code);

/// Bytes of the whitespace character that `text` begins with, as str.isspace() has it; 0 where it begins with another.
std::size_t space_length(std::string_view text);
/// Bytes of the character that `text` begins with where it may be part of a name; else 0.
std::size_t word_length(std::string_view text);
bool begins_identifier(std::string_view text);

/// Bytes of the character that `text` (not empty) begins with.
std::size_t character_length(std::string_view text);
/// The character at byte `at`.
char32_t character_at(std::string_view text, std::size_t at);
/// Where the character before byte `at` (> 0) begins.
std::size_t before(std::string_view text, std::size_t at);

std::string_view strip_right(std::string_view text);

/// Appends the character in that case. Lower case of a sigma depends on what stands around it: lowered() knows.
void append_case(std::string& out, char32_t code, Case to);
/// The character of `text` at byte `at` in lower case.
void append_lowered(std::string& out, std::string_view text, std::size_t at);
/// Whether the character has a case.
bool is_cased(char32_t code);
/// Whether it is one letter of two in title case, as U+01C5.
bool is_title(char32_t code);

}  // namespace skald::jinja
