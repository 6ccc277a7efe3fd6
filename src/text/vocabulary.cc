#include "text/vocabulary.h"

#include <algorithm>

#include "skald/error.h"

namespace skald::text {
namespace {

TokenId read_id(const json::Fields& fields, std::string_view key, const json::Member& member) {
  if (member.value.is_integer() && member.value.as_integer() >= 0 && member.value.as_integer() <= kMaxTokenId) {
    return static_cast<TokenId>(member.value.as_integer());
  }
  throw FormatError(ErrorFields{.file = fields.file(),
                                .field = fields.name(key) + "[" + quoted(member.key) + "]",
                                .value = member.value.describe(),
                                .rule = "a token id must be an integer in [0, " + std::to_string(kMaxTokenId) + "]"});
}

}  // namespace

Vocabulary::Vocabulary(const json::Fields& fields, std::string_view key) {
  const json::Value* const value = fields.find(key);
  if (value == nullptr || !value->is_object()) fields.fail(key, "must be an object of tokens and their ids");
  const json::Object& members = value->as_object();
  std::size_t bytes = 0;
  TokenId limit = 0;
  for (const json::Member& member : members) {
    bytes += member.key.size();
    limit = std::max(limit, read_id(fields, key, member) + 1);
  }
  characters_.reserve(bytes);  // views into it stay valid
  entries_.resize(static_cast<std::size_t>(limit));
  ids_.reserve(members.size());
  for (const json::Member& member : members) {
    const TokenId id = read_id(fields, key, member);
    if (contains(id)) {
      throw FormatError(ErrorFields{.file = fields.file(),
                                    .field = fields.name(key) + "[" + quoted(member.key) + "]",
                                    .value = std::to_string(id),
                                    .rule = "the id already belongs to " + quoted(token(id))});
    }
    entries_[static_cast<std::size_t>(id)] = {static_cast<std::uint32_t>(characters_.size()),
                                              static_cast<std::uint32_t>(member.key.size())};
    characters_ += member.key;
    ids_.insert(token(id), id);
  }
  size_ = members.size();
}

Vocabulary::Vocabulary(const std::vector<std::string_view>& tokens) {
  std::size_t bytes = 0;
  for (const std::string_view token : tokens) bytes += token.size();
  characters_.reserve(bytes);  // views into it stay valid
  entries_.reserve(tokens.size());
  for (const std::string_view token : tokens) {
    entries_.push_back({static_cast<std::uint32_t>(characters_.size()), static_cast<std::uint32_t>(token.size())});
    characters_ += token;
  }
  ids_.reserve(tokens.size());
  for (TokenId id = id_limit(); id-- > 0;) size_ += ids_.insert(token(id), id);
}

void Vocabulary::require_short_tokens(const json::Fields& fields) const {
  for (TokenId id = 0; id < id_limit(); ++id) {
    if (token(id).size() <= kMaxWalked) continue;
    throw LimitError(
        ErrorFields{.file = fields.file(),
                    .field = fields.name("vocab"),
                    .value = "token " + std::to_string(id) + " of " + std::to_string(token(id).size()) + " bytes",
                    .rule = "a token of this kind of model has at most " + std::to_string(kMaxWalked)});
  }
}

std::string_view Vocabulary::token(TokenId id) const {
  if (!contains(id)) return {};
  const Entry& entry = entries_[static_cast<std::size_t>(id)];
  return std::string_view(characters_).substr(entry.offset, entry.size);
}

}  // namespace skald::text
