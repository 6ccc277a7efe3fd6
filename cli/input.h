// What the command reads: prompts from files, standard input and lists of ids.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "skald/generation_config.h"

namespace skald::cli {

inline constexpr std::size_t kMaxTextBytes = 64UL << 20;  // of one prompt, one line, one file of prompts

/// The whole of the file at `path` ("-": standard input), as it is. Throws PathError, and LimitError over
/// kMaxTextBytes.
std::string read_text(const std::string& path);

/// Calls `line` with each line of the file at `path` ("-": standard input), without its end, and with its name for
/// errors: "prompts.jsonl line 3". Reads as it goes; a line holds at most kMaxTextBytes.
void read_lines(const std::string& path,
                const std::function<void(std::string_view line, const std::string& source)>& line);

/// Nothing but white space.
bool is_blank(std::string_view line);

/// Throws FormatError naming `source` and the offset where `text` is not UTF-8.
void require_utf8(std::string_view text, const std::string& source);

/// "1,2,3", commas or spaces, as token ids. Throws OptionError naming `flag`.
std::vector<TokenId> parse_ids(const std::string& flag, std::string_view text);

/// `text` with \n \t \r \\ \" \' and \xNN (a byte) read as in C. Throws OptionError naming `flag` for any other.
std::string unescape(const std::string& flag, std::string_view text);

}  // namespace skald::cli
