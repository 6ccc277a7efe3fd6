#include "skald/text.h"

#include <limits>
#include <utility>
#include <vector>

#include "base/utf8.h"
#include "json/fields.h"
#include "json/value.h"
#include "skald/error.h"

namespace skald {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";  // U+FFFD
constexpr std::string_view kPromptRule =
    "must be a string, an array of token ids, or an object with one of them as \"prompt\"";

std::string replace_invalid_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t valid = first_invalid_utf8(text);
    out += text.substr(0, valid);
    text.remove_prefix(valid);
    if (text.empty()) break;
    out += kReplacement;
    text.remove_prefix(1);
  }
  return out;
}

std::vector<TokenId> token_ids(const json::Array& values, const std::string& source) {
  constexpr std::int64_t kMax = std::numeric_limits<TokenId>::max();
  std::vector<TokenId> ids;
  ids.reserve(values.size());
  for (const json::Value& value : values) {
    if (!value.is_integer() || value.as_integer() < 0 || value.as_integer() > kMax) {
      throw FormatError({.file = source,
                         .field = "prompt[" + std::to_string(ids.size()) + "]",
                         .value = value.describe(),
                         .rule = "must be a token id in [0, 2^31)"});
    }
    ids.push_back(static_cast<TokenId>(value.as_integer()));
  }
  return ids;
}

Prompt prompt_of(const json::Value& value, const std::string& source) {
  if (value.is_string()) return value.as_string();
  if (value.is_array()) return token_ids(value.as_array(), source);
  throw FormatError({.file = source, .field = "prompt", .value = value.describe(), .rule = std::string(kPromptRule)});
}

}  // namespace

std::string json_quote(std::string_view text) { return json::dump(replace_invalid_utf8(text)); }

Prompt json_prompt(std::string_view text, const std::string& source) {
  const json::Value value = json::parse(text, source);
  if (!value.is_object()) return prompt_of(value, source);
  for (const json::Member& member : value.as_object()) {
    if (member.key != "prompt") {
      throw FormatError(
          {.file = source, .field = quoted(member.key), .rule = "unknown member: " + std::string(kPromptRule)});
    }
  }
  if (value.as_object().empty()) return prompt_of(json::Value(), source);
  return prompt_of(value.as_object()[0].value, source);
}

std::vector<JsonMember> json_members(std::string_view text, const std::string& source) {
  const json::Value value = json::parse(text, source);
  if (!value.is_object())
    throw FormatError({.file = source, .value = value.describe(), .rule = "must be a JSON object"});
  std::vector<JsonMember> members;
  for (const json::Member& member : value.as_object()) members.push_back({member.key, json::dump(member.value)});
  return members;
}

std::size_t find_invalid_utf8(std::string_view text) { return first_invalid_utf8(text); }

}  // namespace skald
