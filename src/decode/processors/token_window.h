// The tokens that a penalty counts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "skald/generation_config.h"  // TokenId

namespace skald::decode {

using SharedIds = std::shared_ptr<const std::vector<TokenId>>;

/// How often each token occurs in a part of the history: what follows position `first`, of that the last `last_n`
/// tokens. Follows the history as it grows and shrinks; a copy is two blocks of memory.
class TokenWindow {
 public:
  struct Count {
    TokenId token;
    std::int32_t n;  // > 0
  };

  /// `last_n` < 0: all. Tokens of `exempt` (null: none) do not count.
  explicit TokenWindow(std::int64_t first = 0, std::int64_t last_n = -1, SharedIds exempt = {})
      : first_(static_cast<std::size_t>(first)), last_n_(last_n), exempt_(std::move(exempt)) {}

  /// The counts in `history`, by ascending token. It begins with what it was after the last accept().
  std::span<const Count> follow(std::span<const TokenId> history);
  void accept() { ++length_; }
  /// The history ends `n_tokens` earlier.
  void rewind(std::int64_t n_tokens);

 private:
  [[nodiscard]] std::size_t begin_of(std::size_t length) const;
  void move_to(std::size_t length);
  void recount();
  void add(TokenId token, std::int32_t n);

  std::size_t first_;
  std::int64_t last_n_;
  SharedIds exempt_;
  std::vector<TokenId> tokens_;  // the history, as far as it was followed
  std::size_t counted_ = 0;      // of `tokens_`
  std::size_t length_ = 0;       // of the history after the last accept
  std::vector<Count> counts_;
};

}  // namespace skald::decode
