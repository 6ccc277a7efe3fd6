#include "text/roles.h"

#include <filesystem>

#include "json/fields.h"

namespace skald::text {
namespace {

// A token's text: a string, or an object with the string as "content".
std::optional<std::string> read_token(const json::Fields& fields, std::string_view key) {
  const json::Value* const value = fields.find(key);
  if (value == nullptr || value->is_null()) return std::nullopt;
  if (value->is_object()) return json::Fields(*value, fields.file(), fields.name(key)).need_string("content");
  return fields.need_string(key);
}

void read_role(const json::Fields& fields, std::string_view key, const Tokenizer& tokenizer,
               std::optional<TokenId>& role) {
  if (role) return;
  const auto token = read_token(fields, key);
  // A name without a token is common where a role is not used: transformers would add the token, the model has no row.
  if (token) role = tokenizer.token_to_id(*token);
}

}  // namespace

SpecialTokens read_roles(const std::string& folder, const Tokenizer& tokenizer) {
  SpecialTokens roles;
  for (const char* name : {"tokenizer_config.json", "special_tokens_map.json"}) {
    const std::filesystem::path path = std::filesystem::path(folder) / name;
    if (!std::filesystem::exists(path)) continue;
    const json::Value json = json::parse_file(path.string());
    const json::Fields fields(json, path.string());
    read_role(fields, "bos_token", tokenizer, roles.bos);
    read_role(fields, "eos_token", tokenizer, roles.eos);
    read_role(fields, "pad_token", tokenizer, roles.pad);
    read_role(fields, "unk_token", tokenizer, roles.unk);
  }
  return roles;
}

}  // namespace skald::text
