// The kernels of one row: against exact arithmetic, and bit by bit against the scalar table.
#include <algorithm>

#include "support.h"

namespace skald::kernels {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr std::size_t kSizes[] = {1, 2, 15, 16, 17, 31, 63, 64, 65, 100, 200, 384, 1000, 2049};

class RowTest : public TableTest {
 protected:
  static const KernelTable& scalar() { return *find_table("scalar"); }
};

TEST_P(RowTest, RmsNorm) {
  for (const std::size_t n : kSizes) {
    const std::vector<float> x = random_floats(n, 1, 3.0F);
    const std::vector<float> gain = random_floats(n, 2);
    std::vector<float> y(n);
    table().rms_norm(x.data(), gain.data(), n, 1e-5F, y.data());
    long double squares = 0;
    for (const float v : x) squares += static_cast<long double>(v) * v;
    const long double inverse = 1 / std::sqrt(squares / n + 1e-5L);
    for (std::size_t i = 0; i < n; ++i) {
      const long double want = x[i] * inverse * gain[i];
      ASSERT_NEAR(y[i], static_cast<double>(want), 1e-6 * std::fabs(static_cast<double>(want)));
    }
    std::vector<float> other = x;
    scalar().rms_norm(other.data(), gain.data(), n, 1e-5F, other.data());
    ASSERT_TRUE(same_bits(y, other)) << n;
  }
}

TEST_P(RowTest, LayerNorm) {
  for (const std::size_t n : kSizes) {
    std::vector<float> x = random_floats(n, 1, 3.0F);
    for (float& v : x) v += 10;  // a mean that matters
    const std::vector<float> gain = random_floats(n, 2);
    const std::vector<float> bias = random_floats(n, 3);
    std::vector<float> y(n);
    table().layer_norm(x.data(), gain.data(), bias.data(), n, 1e-5F, y.data());
    long double mean = 0;
    for (const float v : x) mean += static_cast<long double>(v) / n;
    long double variance = 0;
    for (const float v : x) variance += (v - mean) * (v - mean) / n;
    for (std::size_t i = 0; i < n; ++i) {
      const long double want = (x[i] - mean) / std::sqrt(variance + 1e-5L) * gain[i] + bias[i];
      ASSERT_NEAR(y[i], static_cast<double>(want), 1e-4) << n;  // the mean has an error of its own
    }
    std::vector<float> other = x;
    scalar().layer_norm(other.data(), gain.data(), bias.data(), n, 1e-5F, other.data());
    ASSERT_TRUE(same_bits(y, other)) << n;
    table().layer_norm(x.data(), gain.data(), nullptr, n, 1e-5F, y.data());
    for (std::size_t i = 0; i < n; ++i) y[i] += bias[i];
    ASSERT_TRUE(same_bits(y, other)) << n;
  }
}

TEST_P(RowTest, SoftCap) {
  for (const std::size_t n : kSizes) {
    const std::vector<float> x = random_floats(n, 5, 60.0F);
    std::vector<float> y = x;
    std::vector<float> other = x;
    table().soft_cap(30.0F, n, y.data());
    scalar().soft_cap(30.0F, n, other.data());
    for (std::size_t i = 0; i < n; ++i) ASSERT_NEAR(y[i], 30 * std::tanh(x[i] / 30.0), 2e-5);
    ASSERT_TRUE(same_bits(y, other)) << n;
  }
}

long double exact_activation(Activation activation, long double x) {
  switch (activation) {
    case Activation::silu: return x / (1 + std::exp(-x));
    case Activation::gelu_erf: return x / 2 * std::erfc(-x / std::sqrt(2.0L));
    case Activation::gelu_tanh: {
      const long double inner = std::sqrt(2 / std::acos(-1.0L)) * (x + 0.044715L * x * x * x);
      return x / 2 * (1 + std::tanh(inner));
    }
    case Activation::relu: return std::max(x, 0.0L);
    case Activation::sigmoid: return 1 / (1 + std::exp(-x));
  }
  return 0;
}

constexpr Activation kActivations[] = {Activation::silu, Activation::gelu_erf, Activation::gelu_tanh, Activation::relu};

TEST_P(RowTest, Activations) {
  std::vector<Activation> all(std::begin(kActivations), std::end(kActivations));
  all.push_back(Activation::sigmoid);  // which is not 0 at 0, as the others are
  for (const Activation activation : all) {
    for (const std::size_t n : kSizes) {
      const std::vector<float> gate = random_floats(n, 3, 4.0F);
      const std::vector<float> up = random_floats(n, 4);
      std::vector<float> plain(n);
      std::vector<float> gated = up;
      table().activate(activation, gate.data(), nullptr, n, plain.data());
      table().activate(activation, gate.data(), gated.data(), n, gated.data());
      for (std::size_t i = 0; i < n; ++i) {
        // 1 + erf and 1 + tanh cancel on the left, as they do in the definition.
        const auto want = static_cast<double>(exact_activation(activation, gate[i]));
        ASSERT_NEAR(plain[i], want, 4e-7 * std::max(std::fabs(want), 1.0)) << gate[i];
        ASSERT_EQ(gated[i], plain[i] * up[i]);
      }
      std::vector<float> other(n);
      scalar().activate(activation, gate.data(), nullptr, n, other.data());
      ASSERT_TRUE(same_bits(plain, other));
    }
  }
}

TEST_P(RowTest, ActivationsOfSpecialValues) {
  const std::vector<float> x = {kInf, -200.0F, kNan, 0.0F, -0.0F, 1e-40F, 3e38F};
  for (const Activation activation : kActivations) {
    std::vector<float> y(x.size());
    table().activate(activation, x.data(), nullptr, x.size(), y.data());
    EXPECT_EQ(y[0], kInf);
    EXPECT_EQ(y[1], 0.0F);
    EXPECT_TRUE(std::isnan(y[2]));
    EXPECT_EQ(y[3], 0.0F);
    EXPECT_EQ(y[4], 0.0F);
    EXPECT_LE(y[5], 1e-40F);
    EXPECT_EQ(y[6], 3e38F);
  }
}

TEST_P(RowTest, ClampedSwiglu) {
  constexpr float kAlpha = 1.702F;
  constexpr float kLimit = 2.5F;
  for (const std::size_t n : kSizes) {
    const std::vector<float> gate = random_floats(n, 3, 4.0F);
    const std::vector<float> up = random_floats(n, 4, 4.0F);
    std::vector<float> y = gate;
    std::vector<float> other = up;
    table().clamped_swiglu(kAlpha, kLimit, y.data(), up.data(), n, y.data());
    scalar().clamped_swiglu(kAlpha, kLimit, gate.data(), other.data(), n, other.data());
    ASSERT_TRUE(same_bits(y, other)) << n;
    for (std::size_t i = 0; i < n; ++i) {
      const long double g = std::min(gate[i], kLimit);
      const long double u = std::clamp(up[i], -kLimit, kLimit);
      const auto want = static_cast<double>(g / (1 + std::exp(-kAlpha * g)) * (u + 1));
      ASSERT_NEAR(y[i], want, 1e-6 * std::max(std::fabs(want), 1.0)) << gate[i] << ", " << up[i];
    }
  }
  const std::vector<float> special = {kNan, 1.0F, kInf, -kInf};
  std::vector<float> y = {1.0F, kNan, kInf, 1.0F};
  table().clamped_swiglu(kAlpha, kLimit, special.data(), y.data(), y.size(), y.data());
  EXPECT_TRUE(std::isnan(y[0]) && std::isnan(y[1]) && std::isfinite(y[2]) && std::isnan(y[3]));
}

TEST_P(RowTest, Softmax) {
  for (const std::size_t n : kSizes) {
    const std::vector<float> x = random_floats(n, 10, 5.0F);
    std::vector<float> y = x;
    for (float& v : y) v += 1000.0F;
    const std::vector<float> shifted = y;
    table().softmax(n, y.data());
    long double total = 0;
    const long double most = *std::ranges::max_element(shifted);
    for (const float v : shifted) total += std::exp(v - most);
    for (std::size_t i = 0; i < n; ++i) {
      const auto want = static_cast<double>(std::exp(shifted[i] - most) / total);
      ASSERT_NEAR(y[i], want, 1e-6 * want + 1e-30) << n;
    }
    std::vector<float> other = shifted;
    scalar().softmax(n, other.data());
    ASSERT_TRUE(same_bits(y, other)) << n;
  }
}

TEST_P(RowTest, AddScaledRoundsTheProduct) {
  for (const std::size_t n : kSizes) {
    const std::vector<float> y = random_floats(n, 5);
    std::vector<float> x = random_floats(n, 6);
    const std::vector<float> before = x;
    table().add_scaled(0.3F, y.data(), n, x.data());
    for (std::size_t i = 0; i < n; ++i) {
      const volatile float product = 0.3F * y[i];
      ASSERT_EQ(x[i], before[i] + product);
    }
  }
}

TEST_P(RowTest, Add) {
  for (const std::size_t n : kSizes) {
    const std::vector<float> y = random_floats(n, 5);
    std::vector<float> x = random_floats(n, 6);
    const std::vector<float> before = x;
    table().add(y.data(), n, x.data());
    for (std::size_t i = 0; i < n; ++i) ASSERT_EQ(x[i], before[i] + y[i]);
  }
}

TEST_P(RowTest, RotateRoundsEveryProduct) {
  for (const bool interleaved : {false, true}) {
    for (const std::size_t half : {1, 7, 16, 32, 33, 64}) {
      std::vector<float> head = random_floats(2 * half, 7);
      const std::vector<float> before = head;
      const std::vector<float> cos = random_floats(half, 8);
      const std::vector<float> sin = random_floats(half, 9);
      table().rotate(cos.data(), sin.data(), half, interleaved, head.data());
      for (std::size_t i = 0; i < half; ++i) {
        const std::size_t a = interleaved ? 2 * i : i;
        const std::size_t b = interleaved ? 2 * i + 1 : i + half;
        const volatile float products[] = {before[a] * cos[i], before[b] * sin[i], before[b] * cos[i],
                                           before[a] * sin[i]};
        ASSERT_EQ(head[a], products[0] - products[1]);
        ASSERT_EQ(head[b], products[2] + products[3]);
      }
    }
  }
}

TEST_P(RowTest, LogSumExp) {
  for (const std::size_t n : kSizes) {
    std::vector<float> x = random_floats(n, 10, 5.0F);
    for (const float shift : {0.0F, 1000.0F, -1000.0F}) {
      std::vector<float> shifted = x;
      for (float& v : shifted) v += shift;
      long double total = 0;
      const long double most = *std::ranges::max_element(shifted);
      for (const float v : shifted) total += std::exp(v - most);
      const auto want = static_cast<double>(std::log(total) + most);
      const float got = table().log_sum_exp(shifted.data(), n);
      ASSERT_NEAR(got, want, 3e-7 * std::max(1.0, std::fabs(want))) << n;
      ASSERT_TRUE(same_bits(got, scalar().log_sum_exp(shifted.data(), n)));
    }
  }
}

TEST_P(RowTest, LogSumExpOfSpecialValues) {
  for (const std::size_t n : kSizes) {
    std::vector<float> x(n, -kInf);
    EXPECT_EQ(table().log_sum_exp(x.data(), n), -kInf);
    x[n - 1] = 2.5F;
    EXPECT_EQ(table().log_sum_exp(x.data(), n), 2.5F);
    x[n / 2] = kInf;
    EXPECT_EQ(table().log_sum_exp(x.data(), n), kInf);
    x[n / 2] = kNan;
    EXPECT_TRUE(std::isnan(table().log_sum_exp(x.data(), n)));
  }
}

INSTANTIATE_TEST_SUITE_P(Tables, RowTest, testing::ValuesIn(kTableNames), table_name);

}  // namespace
}  // namespace skald::kernels
