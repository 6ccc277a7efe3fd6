#include "text/roles.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <map>

#include "skald/error.h"
#include "text/vocabulary.h"

namespace skald::text {
namespace {

constexpr const char* kRoles[] = {"bos_token", "eos_token", "unk_token", "sep_token",
                                  "pad_token", "cls_token", "mask_token"};
constexpr const char* kSpecialLists[] = {"additional_special_tokens", "extra_special_tokens"};

std::optional<json::Value> read_if_there(const std::filesystem::path& path) {
  if (!std::filesystem::exists(path)) return std::nullopt;
  return json::parse_file(path.string());
}

AddedToken special_token(std::string content) {
  return {.content = std::move(content), .normalized = false, .special = true};
}

/// What the files say, by key; later files replace what earlier ones said.
struct Named {
  std::map<std::string, AddedToken, std::less<>> roles;
  std::vector<AddedToken> further;
};

// A token's text: a string, or an object with the string as "content"; null takes a role away.
void read_role(const json::Fields& fields, const char* key, Named& named) {
  const json::Value* const value = fields.find(key);
  if (value == nullptr) return;
  named.roles.erase(key);
  if (value->is_null()) return;
  if (!value->is_object()) {
    const std::string content = fields.need_string(key);
    if (!content.empty()) named.roles[key] = special_token(content);
    return;
  }
  AddedToken token = read_added_token(json::Fields(*value, fields.file(), fields.name(key)));
  token.special = true;
  named.roles[key] = std::move(token);
}

void read_special_list(const json::Fields& fields, const char* key, Named& named) {
  const json::Value* const list = fields.find(key);
  if (list == nullptr || !list->is_array()) return;  // an object names roles of our callers' making
  for (const json::Value& item : list->as_array()) {
    if (item.is_string() && !item.as_string().empty()) {
      named.further.push_back(special_token(std::string(item.as_string())));
    } else if (item.is_object()) {
      named.further.push_back(read_added_token(json::Fields(item, fields.file(), fields.name(key))));
      named.further.back().special = true;
    }
  }
}

void read_named(const json::Fields& fields, Named& named) {
  for (const char* key : kRoles) read_role(fields, key, named);
  for (const char* key : kSpecialLists) read_special_list(fields, key, named);
}

// {"128000": {"content": "<|begin_of_text|>", ...}, ...}
void read_added_tokens_decoder(const json::Fields& fields, std::vector<AddedToken>& added) {
  for (const auto& [key, value] : fields.value().as_object()) {
    AddedToken token = read_added_token(json::Fields(value, fields.file(), fields.name(key)));
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), token.id);
    if (error != std::errc() || end != key.data() + key.size() || token.id < 0 || token.id > kMaxTokenId) {
      fields.fail(key, "the key must be an id in [0, " + std::to_string(kMaxTokenId) + "]");
    }
    added.push_back(std::move(token));
  }
}

// {"<new>": 128000, ...}: how old slow tokenizers stored them.
void read_added_tokens_file(const json::Fields& fields, const Named& named, std::vector<AddedToken>& added) {
  for (const auto& [key, value] : fields.value().as_object()) {
    if (key.empty()) continue;
    const auto is_it = [&content = key](const AddedToken& token) { return token.content == content; };
    const bool special = std::ranges::any_of(named.further, is_it) ||
                         std::ranges::any_of(named.roles, [&](const auto& role) { return is_it(role.second); });
    added.push_back({.id = static_cast<TokenId>(fields.need_integer(key, 0, kMaxTokenId)),
                     .content = std::string(key),
                     .normalized = !special,
                     .special = special});
  }
}

// The roles in `named`, and tokens that are added as `settings` has them.
void finish(Named named, TokenSettings& settings) {
  std::ranges::stable_sort(settings.added, {}, &AddedToken::id);
  const auto role = [&](const char* key) {
    const auto found = named.roles.find(key);
    return found == named.roles.end() ? std::nullopt : std::optional(found->second.content);
  };
  settings.bos = role("bos_token");
  settings.eos = role("eos_token");
  settings.pad = role("pad_token");
  settings.unk = role("unk_token");
  for (auto& [key, token] : named.roles) settings.special.push_back(std::move(token));
  std::ranges::move(named.further, std::back_inserter(settings.special));
}

}  // namespace

AddedToken read_added_token(const json::Fields& fields) {
  AddedToken token;
  token.content = fields.need_string("content");
  if (token.content.empty()) fields.fail("content", "must not be empty");
  token.single_word = fields.get_bool("single_word").value_or(false);
  token.lstrip = fields.get_bool("lstrip").value_or(false);
  token.rstrip = fields.get_bool("rstrip").value_or(false);
  token.special = fields.get_bool("special").value_or(false);
  token.normalized = fields.get_bool("normalized").value_or(!token.special);
  return token;
}

TokenSettings read_token_settings(const std::string& folder, const json::Value& usual) {
  const std::filesystem::path path(folder);
  Named named;
  read_named({usual, folder}, named);
  TokenSettings settings;
  std::optional<json::Fields> decoder;
  const auto config = read_if_there(path / "tokenizer_config.json");
  if (config) {
    const json::Fields fields(*config, (path / "tokenizer_config.json").string());
    read_named(fields, named);
    decoder = fields.get_object("added_tokens_decoder");
  }
  if (decoder) {
    read_added_tokens_decoder(*decoder, settings.added);
  } else {
    if (const auto map = read_if_there(path / "special_tokens_map.json")) {
      read_named({*map, (path / "special_tokens_map.json").string()}, named);
    }
    if (const auto file = read_if_there(path / "added_tokens.json")) {
      read_added_tokens_file({*file, (path / "added_tokens.json").string()}, named, settings.added);
    }
  }
  finish(std::move(named), settings);
  return settings;
}

TokenSettings read_token_settings(const json::Value& tokenizer_config, const std::string& file) {
  const json::Fields fields(tokenizer_config, file);
  Named named;
  TokenSettings settings;
  read_named(fields, named);
  if (const auto decoder = fields.get_object("added_tokens_decoder"))
    read_added_tokens_decoder(*decoder, settings.added);
  finish(std::move(named), settings);
  return settings;
}

}  // namespace skald::text
