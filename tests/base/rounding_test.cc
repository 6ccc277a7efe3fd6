#include "base/rounding.h"

#include <gtest/gtest.h>

#include <cmath>

namespace skald {
namespace {

TEST(Rounding, HalvesGoToTheEvenInteger) {
  for (int quarter = -4096; quarter <= 4096; ++quarter) {
    const float x = static_cast<float>(quarter) / 4;
    EXPECT_EQ(nearest_integer(x), std::nearbyint(x)) << x;
    EXPECT_EQ(nearest_integer(std::nextafter(x, 1e9F)), std::nearbyint(std::nextafter(x, 1e9F))) << x;
  }
  EXPECT_EQ(nearest_integer(4194303.0F), 4194303);
  EXPECT_EQ(nearest_integer(-4194303.0F), -4194303);
}

}  // namespace
}  // namespace skald
