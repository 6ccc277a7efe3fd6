// Tokens and their ids.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "json/fields.h"
#include "text/encoding.h"
#include "text/flat_map.h"

namespace skald::text {

inline constexpr TokenId kMaxTokenId = (1 << 24) - 1;  // tables are indexed by id: a file cannot ask for more than this

/// Token strings by id and ids by string. Ids may have gaps.
class Vocabulary {
 public:
  /// Reads the object `key` of `fields`: {"token": id, ...}. Throws FormatError for an id that is no integer in
  /// [0, 2^24) or that two tokens share.
  Vocabulary(const json::Fields& fields, std::string_view key);
  /// Token i of `tokens` has the id i; of equal ones find() gives the last, as in `tokenizers`.
  explicit Vocabulary(const std::vector<std::string_view>& tokens);
  Vocabulary(const Vocabulary&) = delete;  // ids_ points into characters_
  Vocabulary& operator=(const Vocabulary&) = delete;

  [[nodiscard]] TokenId find(std::string_view token) const { return ids_.find(token); }  // -1: absent
  /// Empty where `id` is no token (or is the empty token: see contains()).
  [[nodiscard]] std::string_view token(TokenId id) const;
  [[nodiscard]] bool contains(TokenId id) const { return id >= 0 && id < id_limit() && entries_[id].offset != kNone; }
  /// Throws LimitError for a token of more than kMaxWalked bytes: models that look at every token at every place of a
  /// text take that much longer.
  void require_short_tokens(const json::Fields& fields) const;
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] TokenId id_limit() const { return static_cast<TokenId>(entries_.size()); }

 private:
  static constexpr std::size_t kMaxWalked = 1024;
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};
  struct Entry {
    std::uint32_t offset = kNone;  // into characters_
    std::uint32_t size = 0;
  };
  std::string characters_;      // all tokens, one after another
  std::vector<Entry> entries_;  // by id
  StringMap ids_;
  std::size_t size_ = 0;
};

}  // namespace skald::text
