#include "base/float16.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace skald {
namespace {

TEST(Float16, EveryHalfComesBack) {
  for (std::uint32_t bits = 0; bits <= 0xffff; ++bits) {
    const Float16 half{static_cast<std::uint16_t>(bits)};
    const float value = to_float(half);
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(to_float(to_float16(value))));
    } else {
      ASSERT_EQ(to_float16(value).bits, bits);
    }
  }
}

TEST(Float16, RoundsToNearestEven) {
  for (std::uint32_t bits = 0; bits < 0x7bff; ++bits) {  // between each half and the next
    const float low = to_float(Float16{static_cast<std::uint16_t>(bits)});
    const float high = to_float(Float16{static_cast<std::uint16_t>(bits + 1)});
    const float middle = low + (high - low) / 2;
    ASSERT_EQ(to_float16(std::nextafter(middle, low)).bits, bits);
    ASSERT_EQ(to_float16(middle).bits, bits % 2 == 0 ? bits : bits + 1);
    ASSERT_EQ(to_float16(-std::nextafter(middle, high)).bits, (bits + 1) | 0x8000U);
  }
}

TEST(Float16, WhatIsTooLargeIsInfinite) {
  EXPECT_EQ(to_float16(65519.99F).bits, 0x7bff);
  EXPECT_EQ(to_float16(65520.0F).bits, 0x7c00);
  EXPECT_EQ(to_float16(-std::numeric_limits<float>::infinity()).bits, 0xfc00);
  EXPECT_EQ(to_float16(std::numeric_limits<float>::denorm_min()).bits, 0);
}

}  // namespace
}  // namespace skald
