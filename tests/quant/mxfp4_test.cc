#include "quant/mxfp4.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

namespace skald::quant {
namespace {

using Numbers = std::array<float, Mxfp4Block::kNumbers>;

constexpr std::array<float, 16> kCodes = {0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.0, -0.5, -1, -1.5, -2, -3, -4, -6};

// Element i has code i % 16.
Mxfp4Block all_codes() {
  Mxfp4Block block{};
  for (std::size_t i = 0; i < block.codes.size(); ++i) {
    const std::size_t low = 2 * i % 16;
    block.codes[i] = static_cast<std::uint8_t>(low | (low + 1) << 4U);
  }
  return block;
}

TEST(Mxfp4, EveryCodeAtEveryScale) {
  const BlockFormat& format = *find_block_format("MXFP4");
  for (int scale = 0; scale < kMxfp4Nan; ++scale) {
    const Mxfp4GgmlBlock block = to_ggml(all_codes(), static_cast<std::uint8_t>(scale));
    Numbers values;
    format.unpack(reinterpret_cast<const std::byte*>(&block), values.data());
    for (std::size_t i = 0; i < values.size(); ++i) {
      ASSERT_EQ(values[i], std::ldexp(kCodes[i % 16], scale - 127)) << scale << ", " << i;
    }
  }
}

// Numbers 0 and 16 share a byte there, 0 and 1 here.
TEST(Mxfp4, CodesFindTheirPlaces) {
  Mxfp4Block block{};
  block.codes[0] = 0x21;
  block.codes[8] = 0x43;
  const Mxfp4GgmlBlock out = to_ggml(block, 127);
  EXPECT_EQ(out.codes[0], 0x31);
  EXPECT_EQ(out.codes[1], 0x42);
}

}  // namespace
}  // namespace skald::quant
