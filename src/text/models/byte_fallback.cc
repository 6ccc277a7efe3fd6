#include "text/models/byte_fallback.h"

#include <algorithm>
#include <string>

namespace skald::text {

ByteFallback::ByteFallback(const Vocabulary& vocabulary) {
  constexpr char kHex[] = "0123456789ABCDEF";
  for (std::size_t byte = 0; byte < 256; ++byte) {
    tokens_[byte] = vocabulary.find(std::string("<0x") + kHex[byte >> 4] + kHex[byte & 15] + ">");
  }
}

bool ByteFallback::put(std::string_view text, ByteRange place, std::vector<WordToken>& out) const {
  if (std::ranges::any_of(text, [&](char byte) { return token(byte) < 0; })) return false;
  for (const char byte : text) out.push_back({token(byte), place.begin, place.end});
  return true;
}

}  // namespace skald::text
