// safetensors files with any header, right or wrong.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace skald::test {

/// The 8 bytes of a header length.
inline std::string little_endian(std::uint64_t n) {
  std::string out;
  for (int shift = 0; shift < 64; shift += 8) out += static_cast<char>(n >> shift & 0xff);
  return out;
}

/// A file with this header text and these data bytes.
inline std::string raw_safetensors(std::string_view header, std::string_view data = {}) {
  return little_endian(header.size()) + std::string(header) + std::string(data);
}

/// A file with one tensor 'x' described by `entry` ("\"dtype\":...,") and `n` zero bytes of data.
inline std::string one_tensor(std::string_view entry, std::size_t n) {
  return raw_safetensors("{\"x\":{" + std::string(entry) + "}}", std::string(n, '\0'));
}

}  // namespace skald::test
