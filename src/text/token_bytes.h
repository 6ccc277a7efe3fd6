// What each token of a tokenizer adds to a text, and which tokens begin with given bytes.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/encoding.h"

namespace skald::text {

class Tokenizer;

/// The bytes that tokens stand for, as decode(skip_special_tokens) puts them together: the bytes of a list of tokens,
/// one after the other, read as UTF-8, are its text (but for byte-fallback tokens in runs that are no UTF-8). Special
/// tokens, and ids that are no token, have none.
class TokenBytes {
 public:
  explicit TokenBytes(const Tokenizer& tokenizer);

  /// One past the largest id.
  [[nodiscard]] std::size_t size() const { return begins_.size() - 1; }
  /// What `id` adds in the middle of a text.
  [[nodiscard]] std::string_view of(TokenId id) const { return at(begins_, bytes_, id); }
  /// What it adds as the first token that has any bytes: some tokenizers drop a space there.
  [[nodiscard]] std::string_view first(TokenId id) const {
    return cuts_first_ ? at(firsts_, first_bytes_, id) : of(id);
  }
  /// Whether first() differs from of() anywhere.
  [[nodiscard]] bool cuts_first() const { return cuts_first_; }
  /// Whether `id` is one byte that the text has only as part of a run of such tokens that is UTF-8.
  [[nodiscard]] bool is_fallback(TokenId id) const;
  [[nodiscard]] bool has_fallback() const { return has_fallback_; }

  /// The tokens that have bytes, ascending by these.
  [[nodiscard]] std::span<const TokenId> sorted() const { return sorted_; }
  /// Of `tokens` (part of sorted(), alike in their first `depth` bytes) those whose next byte is `byte`.
  [[nodiscard]] std::span<const TokenId> narrow(std::span<const TokenId> tokens, std::size_t depth,
                                                unsigned char byte) const;
  /// The tokens whose bytes begin with `prefix`: the one that is just it comes first.
  [[nodiscard]] std::span<const TokenId> starting_with(std::string_view prefix) const;
  /// The tokens whose bytes are `bytes`.
  [[nodiscard]] std::span<const TokenId> equal_to(std::string_view bytes) const;

 private:
  using Begins = std::vector<std::uint32_t>;  // [size + 1]: where each token's bytes begin
  [[nodiscard]] static std::string_view at(const Begins& begins, const std::string& bytes, TokenId id);
  void read_firsts(const Tokenizer& tokenizer);

  std::string bytes_, first_bytes_;
  Begins begins_, firsts_;
  std::vector<TokenId> sorted_;
  std::vector<bool> fallback_;  // [size] where there are any
  bool cuts_first_ = false;
  bool has_fallback_ = false;
};

}  // namespace skald::text
