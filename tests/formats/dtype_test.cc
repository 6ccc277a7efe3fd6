#include "formats/dtype.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "base/float16.h"
#include "skald/error.h"
#include "support/expect_error.h"

namespace skald {
namespace {

float one(DType dtype, std::vector<unsigned char> bytes) {
  float out = 0;
  convert_to_float(dtype, std::as_bytes(std::span(bytes)), {&out, 1});
  return out;
}

TEST(DType, NamesGoBothWays) {
  for (int i = 0; i <= static_cast<int>(DType::boolean); ++i) {
    const auto dtype = static_cast<DType>(i);
    EXPECT_EQ(parse_dtype(dtype_name(dtype)), dtype);
    EXPECT_NE(dtype_names().find(dtype_name(dtype)), std::string::npos);
    EXPECT_GE(dtype_bits(dtype), 4);
  }
  EXPECT_EQ(dtype_bits(DType::bf16), 16);
  EXPECT_EQ(parse_dtype("F4_X"), std::nullopt);
  EXPECT_EQ(parse_dtype("f32"), std::nullopt);
}

TEST(DType, ConvertsTheWideTypes) {
  EXPECT_EQ(one(DType::f32, {0, 0, 0x80, 0x3f}), 1.0F);
  EXPECT_EQ(one(DType::f64, {0, 0, 0, 0, 0, 0, 0xf8, 0xbf}), -1.5F);
  EXPECT_EQ(one(DType::bf16, {0x80, 0x3f}), 1.0F);
  EXPECT_EQ(one(DType::f16, {0x00, 0x3c}), 1.0F);
  EXPECT_EQ(one(DType::f16, {0x01, 0x00}), 0x1p-24F);
  EXPECT_EQ(one(DType::f16, {0xff, 0x7b}), 65504.0F);
  EXPECT_EQ(one(DType::f16, {0x00, 0xfc}), -std::numeric_limits<float>::infinity());
}

// Values of torch.float8_* for the codes at the edges of each format.
TEST(DType, ConvertsTheEightBitTypes) {
  EXPECT_EQ(one(DType::f8_e4m3, {0x7e}), 448.0F);
  EXPECT_EQ(one(DType::f8_e4m3, {0x01}), 0x1p-9F);
  EXPECT_EQ(one(DType::f8_e4m3, {0xb8}), -1.0F);
  EXPECT_TRUE(std::isnan(one(DType::f8_e4m3, {0x7f})) && std::isnan(one(DType::f8_e4m3, {0xff})));
  EXPECT_EQ(one(DType::f8_e5m2, {0x7b}), 57344.0F);
  EXPECT_EQ(one(DType::f8_e5m2, {0x01}), 0x1p-16F);
  EXPECT_EQ(one(DType::f8_e5m2, {0xfc}), -std::numeric_limits<float>::infinity());
  EXPECT_TRUE(std::isnan(one(DType::f8_e5m2, {0x7d})));
  EXPECT_EQ(one(DType::f8_e4m3fnuz, {0x7f}), 240.0F);
  EXPECT_EQ(one(DType::f8_e4m3fnuz, {0x01}), 0x1p-10F);
  EXPECT_TRUE(std::isnan(one(DType::f8_e4m3fnuz, {0x80})));
  EXPECT_EQ(one(DType::f8_e5m2fnuz, {0x7f}), 57344.0F);
  EXPECT_EQ(one(DType::f8_e5m2fnuz, {0x01}), 0x1p-17F);
  EXPECT_TRUE(std::isnan(one(DType::f8_e5m2fnuz, {0x80})));
  EXPECT_EQ(one(DType::f8_e8m0, {127}), 1.0F);
  EXPECT_EQ(one(DType::f8_e8m0, {0}), 0x1p-127F);
  EXPECT_TRUE(std::isnan(one(DType::f8_e8m0, {255})));
  EXPECT_TRUE(std::signbit(one(DType::f8_e4m3, {0x80})));  // -0 where the format has it
}

TEST(DType, BFloat16RoundsToNearestEvenAndBack) {
  for (std::uint32_t bits = 0; bits <= 0xffff; ++bits) {
    const BFloat16 b{static_cast<std::uint16_t>(bits)};
    const float f = to_float(b);
    if (!std::isnan(f))
      ASSERT_EQ(to_bfloat16(f).bits, bits);
    else
      ASSERT_TRUE(std::isnan(to_float(to_bfloat16(f))));
  }
  EXPECT_EQ(to_bfloat16(std::bit_cast<float>(0x3f808000U)).bits, 0x3f80);  // half way: to even
  EXPECT_EQ(to_bfloat16(std::bit_cast<float>(0x3f818000U)).bits, 0x3f82);
  EXPECT_EQ(to_bfloat16(std::bit_cast<float>(0x3f808001U)).bits, 0x3f81);
}

TEST(DType, ConvertsFromAnyAlignment) {
  std::vector<unsigned char> bytes = {0xaa, 0, 0, 0x80, 0x3f, 0, 0, 0, 0x40};
  std::vector<float> out(2);
  convert_to_float(DType::f32, std::as_bytes(std::span(bytes)).subspan(1), out);
  EXPECT_EQ(out, (std::vector<float>{1.0F, 2.0F}));
}

TEST(DType, RefusesToConvertWhatIsNoFloat) {
  test::expect_error<UsageError>([] { return one(DType::i8, {1}); }, "1 bytes of I8");
  test::expect_error<UsageError>([] { return one(DType::f32, {1}); }, "1 bytes of F32 are not 1 floats");
}

}  // namespace
}  // namespace skald
