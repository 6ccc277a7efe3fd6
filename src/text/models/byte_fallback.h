// The tokens "<0x00>" to "<0xFF>".
#pragma once

#include <array>
#include <string_view>
#include <vector>

#include "text/model.h"

namespace skald::text {

class ByteFallback {
 public:
  explicit ByteFallback(const Vocabulary& vocabulary);

  /// Appends a token for each byte of `text`, all at `place`; false (and nothing) where one of them is missing.
  bool put(std::string_view text, ByteRange place, std::vector<WordToken>& out) const;
  [[nodiscard]] TokenId token(char byte) const { return tokens_[static_cast<unsigned char>(byte)]; }

 private:
  std::array<TokenId, 256> tokens_;  // -1: none
};

}  // namespace skald::text
