// How ggml lays small codes into bytes.
#pragma once

#include <cstddef>
#include <cstdint>

namespace skald::quant {

/// codes [2 n]: first the low halves of bytes [n], then the high ones.
inline void split_nibbles(const std::uint8_t* bytes, std::size_t n, std::uint8_t* codes) {
  for (std::size_t i = 0; i < n; ++i) {
    codes[i] = bytes[i] & 15U;
    codes[n + i] = bytes[i] >> 4U;
  }
}

/// The inverse; of codes [2 n] the lowest 4 bits count.
inline void join_nibbles(const std::uint8_t* codes, std::size_t n, std::uint8_t* bytes) {
  for (std::size_t i = 0; i < n; ++i) bytes[i] = static_cast<std::uint8_t>((codes[i] & 15U) | codes[n + i] << 4U);
}

/// codes [4 n], n a multiple of 32: each 32 bytes hold 128 codes of 2 bits, first the lowest bits of all.
inline void split_pairs(const std::uint8_t* bytes, std::size_t n, std::uint8_t* codes) {
  for (std::size_t i = 0; i < n; ++i) {
    std::uint8_t* const first = codes + i / 32 * 128 + i % 32;
    for (unsigned p = 0; p < 4; ++p) first[std::size_t{32} * p] = bytes[i] >> 2 * p & 3U;
  }
}

/// Bit i of `bits` becomes bit 4 of codes[i], i < n.
inline void add_fifth_bits(const std::uint8_t* bits, std::size_t n, std::uint8_t* codes) {
  for (std::size_t i = 0; i < n; ++i) codes[i] |= static_cast<std::uint8_t>((bits[i / 8] >> i % 8 & 1U) << 4U);
}

/// The inverse.
inline void take_fifth_bits(const std::uint8_t* codes, std::size_t n, std::uint8_t* bits) {
  for (std::size_t i = 0; i < n; i += 8) {
    unsigned byte = 0;
    for (std::size_t b = 0; b < 8; ++b) byte |= (codes[i + b] >> 4U & 1U) << b;
    bits[i / 8] = static_cast<std::uint8_t>(byte);
  }
}

}  // namespace skald::quant
