#include "formats/crc32.h"

#include <array>
#include <bit>
#include <cstring>

namespace skald {
namespace {

constexpr std::size_t kSlices = 8;
using Tables = std::array<std::array<std::uint32_t, 256>, kSlices>;

// tables[s][b]: what byte b leaves after s more bytes of zero. Slicing by 8, Kounavis and Berry 2005.
constexpr Tables make_tables() {
  Tables tables{};
  for (std::uint32_t b = 0; b < 256; ++b) {
    std::uint32_t sum = b;
    for (int bit = 0; bit < 8; ++bit) sum = (sum >> 1) ^ ((sum & 1) != 0 ? 0xEDB88320U : 0U);
    tables[0][b] = sum;
  }
  for (std::size_t s = 1; s < kSlices; ++s) {
    for (std::size_t b = 0; b < 256; ++b) {
      const std::uint32_t before = tables[s - 1][b];
      tables[s][b] = (before >> 8) ^ tables[0][before & 0xff];
    }
  }
  return tables;
}

constexpr Tables kTables = make_tables();

}  // namespace

std::uint32_t crc32(std::span<const std::byte> bytes, std::uint32_t so_far) {
  static_assert(std::endian::native == std::endian::little);
  std::uint32_t sum = ~so_far;
  for (; bytes.size() >= kSlices; bytes = bytes.subspan(kSlices)) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data(), sizeof word);
    word ^= sum;
    sum = 0;
    for (std::size_t i = 0; i < kSlices; ++i) sum ^= kTables[kSlices - 1 - i][(word >> (8 * i)) & 0xff];
  }
  for (const std::byte b : bytes) sum = (sum >> 8) ^ kTables[0][(sum ^ std::to_integer<std::uint32_t>(b)) & 0xff];
  return ~sum;
}

}  // namespace skald
