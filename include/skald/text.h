// Small helpers for programs that read prompts and write JSON: the command, the server.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "skald/export.h"
#include "skald/model.h"

namespace skald {

/// `text` as a JSON string with its quotes (RFC 8259). Non-ASCII stays UTF-8; bytes that are not UTF-8 become U+FFFD.
SKALD_API std::string json_quote(std::string_view text);

/// The prompt that one JSON text holds: "text", [1, 2, 3] (token ids), or {"prompt": either}. `source` names the text
/// in errors ("prompts.jsonl line 7"). Throws FormatError or LimitError.
SKALD_API Prompt json_prompt(std::string_view json, const std::string& source);

/// A member of a JSON object; `value` is JSON.
struct JsonMember {
  std::string key;
  std::string value;
};

/// The members of the JSON object `json`, in its order. `source` names the text in errors. Throws FormatError or
/// LimitError.
SKALD_API std::vector<JsonMember> json_members(std::string_view json, const std::string& source);

/// Offset of the first byte that is not part of well-formed UTF-8; text.size() if all of it is.
SKALD_API std::size_t find_invalid_utf8(std::string_view text);

}  // namespace skald
