// The sums by which a hub knows its files. FIPS 180-4.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace skald::hub {

/// SHA-1 and SHA-256 of bytes that come piece by piece: both take blocks of 64 bytes and differ in what they do with
/// one.
class Sum {
 public:
  enum class Kind { sha1, sha256 };
  explicit Sum(Kind kind);

  void add(std::span<const std::byte> bytes);
  /// Hexadecimal, of everything added. Nothing may be added afterwards.
  std::string finish();

 private:
  void take_block();
  void take_sha1(const std::array<std::uint32_t, 16>& words);
  void take_sha256(const std::array<std::uint32_t, 16>& words);

  Kind kind_;
  std::array<std::uint32_t, 8> state_;  // SHA-1 uses 5
  std::array<std::byte, 64> block_{};
  std::size_t filled_ = 0;
  std::uint64_t bytes_ = 0;
};

}  // namespace skald::hub
