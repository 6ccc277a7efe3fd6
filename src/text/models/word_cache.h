// Words and their tokens, remembered between words.
#pragma once

#include <cstring>
#include <span>
#include <string_view>
#include <vector>

#include "text/flat_map.h"
#include "text/model.h"

namespace skald::text {

/// A direct-mapped table of fixed size: bounded, and a miss costs one line of memory.
class WordCache {
 public:
  /// Appends the tokens of `word`, whose first byte is `begin`; false where it is not known.
  bool find(std::string_view word, std::uint32_t begin, std::vector<WordToken>& out) const {
    if (slots_.empty() || word.size() > kMaxBytes) return false;
    const Slot& slot = slots_[index(word)];
    if (slot.size != word.size() || std::memcmp(slot.bytes, word.data(), word.size()) != 0) return false;
    const std::uint32_t first = begin;
    for (std::size_t i = 0; i < slot.count; ++i) {
      const std::uint32_t end = first + (slot.tokens[i] >> 24);
      out.push_back({static_cast<TokenId>(slot.tokens[i] & kMaxTokenId), begin, end});
      begin = end;
    }
    return true;
  }

  void store(std::string_view word, std::uint32_t first, std::span<const WordToken> tokens) {
    if (word.size() > kMaxBytes || tokens.size() > kMaxTokens) return;
    std::uint32_t begin = first;
    for (const WordToken& token : tokens) {  // dropped characters leave gaps, which a slot cannot tell
      if (token.begin != begin) return;
      begin = token.end;
    }
    if (slots_.empty()) slots_.resize(kSlots);
    Slot& slot = slots_[index(word)];
    slot.size = static_cast<std::uint8_t>(word.size());
    slot.count = static_cast<std::uint8_t>(tokens.size());
    std::memcpy(slot.bytes, word.data(), word.size());
    std::uint32_t* packed = slot.tokens;
    for (const WordToken& token : tokens) *packed++ = static_cast<std::uint32_t>(token.id) | (token.end - first) << 24;
  }

 private:
  static constexpr std::size_t kSlots = 1U << 14;
  static constexpr std::size_t kMaxBytes = 30;
  static constexpr std::size_t kMaxTokens = 8;
  struct Slot {
    std::uint8_t size = 0;  // 0: empty; words are never empty
    std::uint8_t count = 0;
    char bytes[kMaxBytes] = {};
    std::uint32_t tokens[kMaxTokens] = {};  // id, and above its 24 bits the end in the word
  };
  static_assert(sizeof(Slot) == 64 && kMaxTokenId < 1 << 24);
  static std::size_t index(std::string_view word) { return hash_bytes(word) % kSlots; }
  std::vector<Slot> slots_;
};

}  // namespace skald::text
