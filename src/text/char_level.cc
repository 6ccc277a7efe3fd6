#include "text/char_level.h"

#include <algorithm>

#include "json/fields.h"
#include "skald/error.h"

namespace skald::text {
namespace {

constexpr std::string_view kUnknown = "<UNK>";

std::vector<std::string> read_special_tokens(const json::Fields& fields) {
  std::vector<std::string> names;
  const json::Value* const list = fields.find("special_tokens");
  if (list == nullptr || list->is_null()) return names;
  if (!list->is_array()) fields.fail("special_tokens", "must be an array of strings");
  for (const json::Value& name : list->as_array()) {
    if (!name.is_string()) fields.fail("special_tokens", "must be an array of strings");
    names.push_back(name.as_string());
  }
  return names;
}

bool is_one_character(std::string_view text) {
  const auto begins = [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; };  // text is UTF-8
  return std::ranges::count_if(text, begins) == 1;
}

}  // namespace

bool is_char_level(const json::Value& tokenizer) { return tokenizer.find("char_to_id") != nullptr; }

json::Value as_tokenizer_json(const json::Value& tokenizer, const std::string& file) {
  const json::Fields fields(tokenizer, file);
  const auto ids = fields.get_object("char_to_id");
  if (!ids) fields.fail("char_to_id", "must be an object");
  const std::vector<std::string> special = read_special_tokens(fields);
  json::Array added;
  bool has_unknown = false;
  for (const auto& [key, id] : ids->value().as_object()) {
    const bool is_special = std::ranges::find(special, key) != special.end();
    if (!is_special && !is_one_character(key)) ids->fail(key, "the key must be one character or a special token");
    has_unknown |= key == kUnknown;
    if (is_special && key != kUnknown) {
      added.push_back(json::Object{{"id", id}, {"content", key}, {"special", true}, {"normalized", false}});
    }
  }
  json::Object model{{"type", "BPE"}, {"vocab", ids->value()}, {"merges", json::Array{}}};
  if (has_unknown) model.push_back({"unk_token", std::string(kUnknown)});
  return json::Object{
      {"added_tokens", std::move(added)}, {"decoder", json::Object{{"type", "Fuse"}}}, {"model", std::move(model)}};
}

}  // namespace skald::text
