#include "quant/tq1_0.h"

namespace skald::quant {
namespace {

// The first `digits` digits of bytes [n]: codes [digits, n].
void split_digits(const std::uint8_t* bytes, std::size_t n, std::size_t digits, std::uint8_t* codes) {
  for (std::size_t i = 0; i < n; ++i) {
    unsigned fraction = bytes[i];
    for (std::size_t p = 0; p < digits; ++p, fraction = fraction * 3 & 255U) {
      codes[n * p + i] = static_cast<std::uint8_t>(fraction * 3 >> 8U);
    }
  }
}

}  // namespace

void take_apart(const Tq1_0Block& block, BlockParts& parts) {
  split_digits(block.fives.data(), 32, 5, parts.codes.data());
  split_digits(&block.fives[32], 16, 5, &parts.codes[160]);
  split_digits(block.fours.data(), 4, 4, &parts.codes[240]);
  set_scale(block.d, parts);
}

}  // namespace skald::quant
