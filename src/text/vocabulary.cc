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

std::string_view Vocabulary::token(TokenId id) const {
  if (!contains(id)) return {};
  const Entry& entry = entries_[static_cast<std::size_t>(id)];
  return std::string_view(characters_).substr(entry.offset, entry.size);
}

}  // namespace skald::text
