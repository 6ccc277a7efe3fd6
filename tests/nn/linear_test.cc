#include "nn/linear.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>

#include "nn/state.h"
#include "skald/error.h"

namespace skald::nn {
namespace {

std::vector<float> random_values(std::size_t n, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(n);
  for (float& v : values) v = std::ldexp(std::round(std::ldexp(normal(random), 5)), -5);  // exact in every format
  return values;
}

Linear make_linear(const std::string& name, std::size_t n, std::size_t k, unsigned seed, kernels::WeightFormat format,
                   bool bias) {
  auto weight = std::make_shared<PackedMatrix>(pack_matrix(random_values(n * k, seed), n, k, format));
  return {name, std::move(weight), bias ? random_values(n, seed + 1) : std::vector<float>()};
}

// y [rows, n] in double from the same inputs.
std::vector<double> reference(const std::vector<float>& x, std::size_t rows, std::size_t n, std::size_t k,
                              unsigned seed, bool bias) {
  const auto w = random_values(n * k, seed);
  const auto b = random_values(n, seed + 1);
  std::vector<double> y(rows * n);
  for (std::size_t i = 0; i < rows * n; ++i) {
    y[i] = bias ? b[i % n] : 0;
    for (std::size_t j = 0; j < k; ++j) y[i] += static_cast<double>(x[i / n * k + j]) * w[i % n * k + j];
  }
  return y;
}

class LinearTest : public testing::TestWithParam<kernels::WeightFormat> {
 protected:
  // A context with workers and buffers; these products read no state.
  Context& context(int threads) {
    pool_ = std::make_unique<ThreadPool>(threads);
    context_.pool = pool_.get();
    context_.work = &work_;
    return context_;
  }

 private:
  std::unique_ptr<ThreadPool> pool_;
  Workspace work_;
  Context context_;
};

void expect_near(const std::vector<double>& wanted, const std::vector<float>& found) {
  ASSERT_EQ(wanted.size(), found.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    ASSERT_NEAR(wanted[i], found[i], 2e-4 * std::max(1.0, std::abs(wanted[i]))) << i;
  }
}

TEST_P(LinearTest, EqualsThePlainProductForAnyThreadsAndRows) {
  constexpr std::size_t kN = 77;
  constexpr std::size_t kK = 130;
  constexpr std::size_t kRows = 21;
  const Linear linear = make_linear("w", kN, kK, 1, GetParam(), /*bias=*/true);
  const auto x = random_values(kRows * kK, 9);
  std::vector<float> y(kRows * kN);
  linear.forward(x.data(), kRows, y.data(), {}, context(2));
  expect_near(reference(x, kRows, kN, kK, 1, true), y);
  std::vector<float> again(kRows * kN);
  for (std::size_t r = 0; r < kRows; ++r) {
    linear.forward(x.data() + r * kK, 1, again.data() + r * kN, {}, context(1));
  }
  EXPECT_EQ(std::memcmp(y.data(), again.data(), y.size() * sizeof(float)), 0);
}

TEST_P(LinearTest, ProductsOfOneInputShareARegion) {
  constexpr std::size_t kK = 96;
  constexpr std::size_t kRows = 5;
  const Linear q = make_linear("q_proj", 130, kK, 1, GetParam(), false);
  const Linear k = make_linear("k_proj", 31, kK, 3, kernels::WeightFormat::f32, true);
  const Linear v = make_linear("v_proj", 33, kK, 5, GetParam(), true);
  const auto x = random_values(kRows * kK, 9);
  std::vector<float> yq(kRows * 130), yk(kRows * 31), yv(kRows * 33);
  std::vector<int> told(130 + 31 + 33, 0);
  for (const int threads : {1, 2, 3, 4}) {
    std::ranges::fill(told, 0);
    const Product products[] = {{&q, yq.data()}, {&k, yk.data()}, {&v, yv.data()}};
    multiply({.x = x.data(), .rows = kRows}, products, context(threads),
             [&](std::size_t p, std::size_t begin, std::size_t end) {
               constexpr std::size_t kBase[] = {0, 130, 161};
               for (std::size_t i = begin; i < end; ++i) ++told[kBase[p] + i];
             });
    expect_near(reference(x, kRows, 130, kK, 1, false), yq);
    expect_near(reference(x, kRows, 31, kK, 3, true), yk);
    expect_near(reference(x, kRows, 33, kK, 5, true), yv);
    EXPECT_EQ(told, std::vector<int>(told.size(), 1)) << threads << " threads";
  }
}

TEST_P(LinearTest, LowRankDeltasReachTheirRowsOnly) {
  constexpr std::size_t kN = 65;
  constexpr std::size_t kK = 64;
  constexpr std::size_t kRows = 9;
  constexpr std::size_t kRank = 3;
  const Linear linear = make_linear("q_proj", kN, kK, 1, GetParam(), true);
  const Linear other = make_linear("k_proj", kN, kK, 3, GetParam(), false);
  const auto a = random_values(kRank * kK, 20);
  const auto b = random_values(kN * kRank, 21);
  linear.adapters()->set(2, {.rank = kRank, .scale = 0.25F, .a = a, .b = b});
  other.adapters()->set(1, {.rank = 1, .scale = 1, .a = random_values(kK, 22), .b = random_values(kN, 23)});
  const auto x = random_values(kRows * kK, 9);
  const std::vector<RowSpan> spans = {{.begin = 0, .end = 2, .adapter = 1},
                                      {.begin = 4, .end = 7, .adapter = 2, .scale = 2}};

  std::vector<float> y(kRows * kN), z(kRows * kN), plain(kRows * kN);
  const Product products[] = {{&other, z.data()}, {&linear, y.data()}};
  multiply({.x = x.data(), .rows = kRows, .spans = spans}, products, context(2));
  linear.forward(x.data(), kRows, plain.data(), {}, context(1));
  std::vector<double> wanted = reference(x, kRows, kN, kK, 1, true);
  for (std::size_t r = 4; r < 7; ++r) {
    for (std::size_t i = 0; i < kRank; ++i) {
      double reduced = 0;
      for (std::size_t j = 0; j < kK; ++j) reduced += static_cast<double>(a[i * kK + j]) * x[r * kK + j];
      for (std::size_t n = 0; n < kN; ++n) wanted[r * kN + n] += 0.5 * b[n * kRank + i] * reduced;
    }
  }
  expect_near(wanted, y);
  EXPECT_EQ(std::memcmp(y.data(), plain.data(), 4 * kN * sizeof(float)), 0);
  EXPECT_EQ(std::memcmp(y.data() + 7 * kN, plain.data() + 7 * kN, 2 * kN * sizeof(float)), 0);
  EXPECT_THROW(linear.adapters()->set(3, {.rank = 2, .a = a, .b = b}), OptionError);
}

std::string format_name(const testing::TestParamInfo<kernels::WeightFormat>& info) {
  constexpr const char* kNames[] = {"f32", "bf16", "f16"};
  return kNames[static_cast<int>(info.param)];
}

INSTANTIATE_TEST_SUITE_P(Formats, LinearTest,
                         testing::Values(kernels::WeightFormat::f32, kernels::WeightFormat::bf16,
                                         kernels::WeightFormat::f16),
                         format_name);

}  // namespace
}  // namespace skald::nn
