#include <algorithm>

#include "skald/error.h"
#include "text/post_processors/types.h"
#include "text/vocabulary.h"  // kMaxTokenId

namespace skald::text {
namespace {

// [token, id]
TokenId read_pair(const json::Fields& fields, std::string_view key) {
  const json::Value* const value = fields.find(key);
  if (value != nullptr && value->is_array() && value->as_array().size() == 2 && value->as_array()[0].is_string()) {
    const json::Value& id = value->as_array()[1];
    if (id.is_integer() && id.as_integer() >= 0 && id.as_integer() <= kMaxTokenId) {
      return static_cast<TokenId>(id.as_integer());
    }
  }
  fields.fail(key, "must be [token, id] with an id of 0 to " + std::to_string(kMaxTokenId));
}

std::vector<TokenId> read_special(const json::Fields& fields, const json::Fields& item) {
  const std::string name = item.need_string("id");
  const auto known = fields.get_object("special_tokens");
  const auto special = known ? known->get_object(name) : std::nullopt;
  if (!special) item.fail("id", quoted(name) + " is not a token: special_tokens does not list it");
  std::vector<TokenId> ids;
  for (const std::int64_t id : special->get_integers("ids", 0, kMaxTokenId)) ids.push_back(static_cast<TokenId>(id));
  return ids;
}

}  // namespace

std::vector<TemplateProcessing::Item> TemplateProcessing::read_template(const json::Fields& fields,
                                                                        std::string_view key) {
  const json::Value* const value = fields.find(key);
  if (value == nullptr || !value->is_array()) fields.fail(key, "must be an array of Sequence and SpecialToken");
  std::vector<Item> items;
  for (std::size_t i = 0; i < value->as_array().size(); ++i) {
    const json::Fields item(value->as_array()[i], fields.file(), fields.name(key) + "[" + std::to_string(i) + "]");
    if (const auto sequence = item.get_object("Sequence")) {
      const std::string id = sequence->need_string("id");
      if (id != "A" && id != "B") sequence->fail("id", "must be A or B");
      static_cast<void>(sequence->need_integer("type_id", 0, kMaxTokenId));
      items.push_back({.is_text = true, .ids = {}});
    } else if (const auto special = item.get_object("SpecialToken")) {
      static_cast<void>(special->need_integer("type_id", 0, kMaxTokenId));
      items.push_back({.is_text = false, .ids = read_special(fields, *special)});
    } else {
      item.fail("", "must be {\"Sequence\": ...} or {\"SpecialToken\": ...}");
    }
  }
  return items;
}

TemplateProcessing::TemplateProcessing(const json::Fields& fields) : single_(read_template(fields, "single")) {
  if (fields.has("pair")) read_template(fields, "pair");
  const auto texts = std::count_if(single_.begin(), single_.end(), [](const Item& item) { return item.is_text; });
  if (texts != 1) fields.fail("single", "must hold the text (Sequence A) once");
}

void TemplateProcessing::process(std::string_view, const TokenLookup&, bool add_special_tokens,
                                 Encoding& encoding) const {
  if (!add_special_tokens) return;
  std::size_t at = 0;
  for (const Item& item : single_) {
    if (item.is_text) {
      at = encoding.ids.size();
    } else {
      encoding.insert(at, item.ids);
      at += item.ids.size();
    }
  }
}

void TemplateProcessing::added_ids(std::vector<TokenId>& ids) const {
  for (const Item& item : single_) ids.insert(ids.end(), item.ids.begin(), item.ids.end());
}

BertProcessing::BertProcessing(const json::Fields& fields)
    : cls_(read_pair(fields, "cls")), sep_(read_pair(fields, "sep")) {}

void BertProcessing::process(std::string_view, const TokenLookup&, bool add_special_tokens, Encoding& encoding) const {
  if (!add_special_tokens) return;
  encoding.insert(0, {cls_});
  encoding.insert(encoding.ids.size(), {sep_});
}

void BertProcessing::added_ids(std::vector<TokenId>& ids) const { ids.insert(ids.end(), {cls_, sep_}); }

void RobertaProcessing::process(std::string_view text, const TokenLookup& tokens, bool add_special_tokens,
                                Encoding& encoding) const {
  trim_.process(text, tokens, add_special_tokens, encoding);
  frame_.process(text, tokens, add_special_tokens, encoding);
}

}  // namespace skald::text
