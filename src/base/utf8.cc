#include "base/utf8.h"

namespace skald {
namespace {

bool in_range(unsigned char byte, unsigned char low, unsigned char high) { return byte >= low && byte <= high; }

}  // namespace

std::size_t utf8_sequence_length(std::string_view bytes) {
  if (bytes.empty()) return 0;
  const auto at = [&](std::size_t i) { return i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0; };
  const unsigned char first = at(0);
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4) return 0;
  // The second byte's range depends on the first: that excludes overlong forms, surrogates and > U+10FFFF.
  const unsigned char low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
  const unsigned char high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
  if (!in_range(at(1), low, high)) return 0;
  if (first < 0xe0) return 2;
  if (!in_range(at(2), 0x80, 0xbf)) return 0;
  if (first < 0xf0) return 3;
  return in_range(at(3), 0x80, 0xbf) ? 4 : 0;
}

std::size_t first_invalid_utf8(std::string_view bytes) {
  std::size_t i = 0;
  while (i < bytes.size()) {
    const std::size_t length = utf8_sequence_length(bytes.substr(i));
    if (length == 0) return i;
    i += length;
  }
  return i;
}

char32_t decode_utf8(std::string_view bytes, std::size_t length) {
  const auto tail = [&](std::size_t i) { return static_cast<char32_t>(bytes[i] & 0x3f); };
  const auto first = static_cast<unsigned char>(bytes[0]);
  switch (length) {
    case 1: return first;
    case 2: return static_cast<char32_t>(first & 0x1f) << 6 | tail(1);
    case 3: return static_cast<char32_t>(first & 0x0f) << 12 | tail(1) << 6 | tail(2);
    default: return static_cast<char32_t>(first & 0x07) << 18 | tail(1) << 12 | tail(2) << 6 | tail(3);
  }
}

void append_utf8(std::string& out, char32_t c) {
  const auto byte = [](char32_t value) { return static_cast<char>(static_cast<unsigned char>(value)); };
  if (c < 0x80) {
    out += byte(c);
  } else if (c < 0x800) {
    out += {byte(0xc0 | c >> 6), byte(0x80 | (c & 0x3f))};
  } else if (c < 0x10000) {
    out += {byte(0xe0 | c >> 12), byte(0x80 | (c >> 6 & 0x3f)), byte(0x80 | (c & 0x3f))};
  } else {
    out += {byte(0xf0 | c >> 18), byte(0x80 | (c >> 12 & 0x3f)), byte(0x80 | (c >> 6 & 0x3f)), byte(0x80 | (c & 0x3f))};
  }
}

}  // namespace skald
