#include "quant/mxfp4.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>

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
  for (int scale = 0; scale < 255; ++scale) {
    Numbers values;
    unpack_mxfp4(all_codes(), static_cast<std::uint8_t>(scale), values.data());
    for (std::size_t i = 0; i < values.size(); ++i) {
      ASSERT_EQ(values[i], std::ldexp(kCodes[i % 16], scale - 127)) << scale << ", " << i;
      ASSERT_EQ(std::signbit(values[i]), std::signbit(kCodes[i % 16]));
    }
  }
  Numbers values;
  unpack_mxfp4(all_codes(), 255, values.data());
  for (const float v : values) EXPECT_TRUE(std::isnan(v));
}

TEST(Mxfp4, PackingIsTheInverse) {
  for (int scale = 0; scale < 253; ++scale) {  // all numbers are finite
    const Mxfp4Block block = all_codes();
    Numbers values;
    unpack_mxfp4(block, static_cast<std::uint8_t>(scale), values.data());
    Mxfp4Block again{};
    ASSERT_EQ(pack_mxfp4(values.data(), again), scale);
    ASSERT_EQ(again.codes, block.codes) << scale;
  }
}

TEST(Mxfp4, PackingRoundsToNearestAndSaturates) {
  Numbers x = {};
  const std::array<std::array<float, 2>, 10> wanted = {{{7.9F, 6},
                                                        {5.0F, 4},
                                                        {5.01F, 6},
                                                        {3.5F, 4},
                                                        {2.5F, 2},
                                                        {1.25F, 1},
                                                        {1.75F, 2},
                                                        {0.25F, 0},
                                                        {-0.26F, -0.5F},
                                                        {-0.75F, -1}}};
  for (std::size_t i = 0; i < wanted.size(); ++i) x[i] = std::ldexp(wanted[i][0], -9);
  Mxfp4Block block{};
  const std::uint8_t scale = pack_mxfp4(x.data(), block);
  EXPECT_EQ(scale, 127 - 9);
  Numbers values;
  unpack_mxfp4(block, scale, values.data());
  for (std::size_t i = 0; i < wanted.size(); ++i) EXPECT_EQ(values[i], std::ldexp(wanted[i][1], -9)) << i;
}

// The error is at most half of a step, which is a sixth of the largest number below 4 and a third from there on.
TEST(Mxfp4, PackingErrorIsBounded) {
  Numbers x;
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = std::sin(static_cast<float>(i) * 1.7F) * 5.9F;
  Mxfp4Block block{};
  const std::uint8_t scale = pack_mxfp4(x.data(), block);
  EXPECT_EQ(scale, 127);
  Numbers values;
  unpack_mxfp4(block, scale, values.data());
  for (std::size_t i = 0; i < x.size(); ++i) EXPECT_LE(std::abs(values[i] - x[i]), std::abs(x[i]) >= 4 ? 1.0F : 0.5F);
}

TEST(Mxfp4, PackingOfZerosAndOfTheExtremes) {
  Mxfp4Block block{};
  Numbers x = {};
  EXPECT_EQ(pack_mxfp4(x.data(), block), 0);
  EXPECT_EQ(block.codes, Mxfp4Block{}.codes);
  x[3] = std::numeric_limits<float>::denorm_min();
  EXPECT_EQ(pack_mxfp4(x.data(), block), 0);
  x[3] = std::numeric_limits<float>::max();
  const std::uint8_t scale = pack_mxfp4(x.data(), block);
  Numbers values;
  unpack_mxfp4(block, scale, values.data());
  EXPECT_EQ(values[3], 1.5F * std::ldexp(1.0F, 127));
}

}  // namespace
}  // namespace skald::quant
