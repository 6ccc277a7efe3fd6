// The polynomials against long double, by units in the last place. The scalar Vec stands for all: the other tables'
// bits are compared with the scalar table's in elementwise_test.cc.
#include "kernels/isa_headers.h"
#include "support.h"

#define SKALD_ISA math_test
// clang-format off
#include "kernels/begin_isa.h"
#include "kernels/vec_scalar-inl.h"
#include "kernels/math-inl.h"
#include "kernels/end_isa.h"
// clang-format on

namespace skald::kernels::math_test {
namespace {

// Largest error in ulps of f over floats spaced evenly in their bit patterns, from `begin` to `end` (of one sign).
template <class F>
double worst_ulp(F f, long double (*exact)(long double), float begin, float end) {
  const auto from = std::bit_cast<std::uint32_t>(begin);
  const auto to = std::bit_cast<std::uint32_t>(end);
  const std::uint32_t step = std::max(1U, (to - from) / 400000U);
  double worst = 0;
  for (std::uint32_t bits = from; bits + kLanes * step <= to; bits += kLanes * step) {
    float in[kLanes];
    for (std::uint32_t i = 0; i < kLanes; ++i) in[i] = std::bit_cast<float>(bits + i * step);
    const Vec out = f(load(in));
    for (int i = 0; i < kLanes; ++i) {
      const long double want = exact(in[i]);
      int exponent = 0;
      std::frexp(want, &exponent);
      const long double ulp = std::ldexp(1.0L, std::max(exponent, -125) - 24);
      worst = std::max(worst, static_cast<double>(std::fabs(out.lane[i] - want) / ulp));
    }
  }
  return worst;
}

long double exact_exp(long double x) { return std::exp(x); }
long double exact_tanh(long double x) { return std::tanh(x); }
long double exact_erf(long double x) { return std::erf(x); }

TEST(Polynomials, ExpIsWithinOneUlp) {
  EXPECT_LT(worst_ulp(exp, exact_exp, 1e-10F, 88.72283F), 1.0);
  EXPECT_LT(worst_ulp(exp, exact_exp, -1e-10F, -87.3365F), 1.0);
}

TEST(Polynomials, ExpOfSpecialValues) {
  const float inf = kInfinity;
  EXPECT_EQ(first(exp(splat(0.0F))), 1.0F);
  EXPECT_EQ(first(exp(splat(-inf))), 0.0F);
  EXPECT_EQ(first(exp(splat(-87.34F))), 0.0F);
  EXPECT_EQ(first(exp(splat(-3e38F))), 0.0F);
  EXPECT_EQ(first(exp(splat(88.73F))), inf);
  EXPECT_EQ(first(exp(splat(3e38F))), inf);
  EXPECT_EQ(first(exp(splat(inf))), inf);
  for (const std::uint32_t bits : {0x7fc00000U, 0xffc00001U, 0x7fffffffU, 0x7fc00123U}) {
    EXPECT_TRUE(std::isnan(first(exp(splat(std::bit_cast<float>(bits)))))) << bits;
  }
}

TEST(Polynomials, TanhIsWithinTwoUlps) {
  for (const float sign : {1.0F, -1.0F}) EXPECT_LT(worst_ulp(tanh, exact_tanh, sign * 1e-30F, sign * 20.0F), 2.0);
  EXPECT_EQ(first(tanh(splat(kInfinity))), 1.0F);
  EXPECT_EQ(first(tanh(splat(-kInfinity))), -1.0F);
  EXPECT_TRUE(std::isnan(first(tanh(splat(std::nanf(""))))));
}

TEST(Polynomials, ErfIsWithinTwoUlps) {
  for (const float sign : {1.0F, -1.0F}) EXPECT_LT(worst_ulp(erf, exact_erf, sign * 1e-30F, sign * 10.0F), 2.0);
  EXPECT_EQ(first(erf(splat(kInfinity))), 1.0F);
  EXPECT_EQ(first(erf(splat(-kInfinity))), -1.0F);
  EXPECT_TRUE(std::isnan(first(erf(splat(std::nanf(""))))));
}

TEST(Polynomials, LogIsExactToDouble) {
  for (double x = 1e-30; x < 1e30; x *= 1.0137) {
    const auto want = static_cast<double>(std::log(static_cast<long double>(x)));
    ASSERT_NEAR(log(x), want, 1e-15 * std::max(1.0, std::fabs(want))) << x;
  }
}

TEST(Polynomials, SoftplusIsWithinTwoUlps) {
  const auto lanes_of = [](Vec x) {
    for (float& lane : x.lane) lane = softplus(lane);
    return x;
  };
  const auto exact = [](long double x) { return x > 20 ? x : std::log1p(std::exp(x)); };
  EXPECT_LT(worst_ulp(lanes_of, exact, 1e-10F, 100.0F), 2.0);
  EXPECT_LT(worst_ulp(lanes_of, exact, -1e-10F, -87.0F), 2.0);
  EXPECT_EQ(softplus(-kInfinity), 0.0F);
  EXPECT_EQ(softplus(kInfinity), kInfinity);
  EXPECT_TRUE(std::isnan(softplus(std::nanf(""))));
}

}  // namespace
}  // namespace skald::kernels::math_test
