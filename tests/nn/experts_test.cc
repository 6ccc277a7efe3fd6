// Mixtures of experts against plain arithmetic, and bit by bit against the same rows in other company.
#include "nn/experts.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <numeric>
#include <random>

namespace skald::nn {
namespace {

constexpr std::size_t kHidden = 70;
constexpr std::size_t kInner = 45;
constexpr std::size_t kSharedInner = 97;
constexpr std::size_t kExperts = 7;
constexpr std::size_t kTopK = 3;
constexpr std::size_t kRows = 23;

std::vector<float> random_values(std::size_t n, unsigned seed, float scale = 1) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, scale);
  std::vector<float> values(n);
  for (float& v : values) v = std::ldexp(std::round(std::ldexp(normal(random), 5)), -5);  // exact in every format
  return values;
}

Linear make_linear(std::size_t n, std::size_t k, unsigned seed, kernels::WeightFormat format, bool bias) {
  auto weight = std::make_shared<PackedMatrix>(pack_matrix(random_values(n * k, seed, 0.3F), n, k, format));
  return {"w" + std::to_string(seed), std::move(weight), bias ? random_values(n, seed + 1) : std::vector<float>()};
}

Expert make_expert(std::size_t inner, unsigned seed, kernels::WeightFormat format, bool bias) {
  return {.gate_proj = make_linear(inner, kHidden, seed, format, bias),
          .up_proj = make_linear(inner, kHidden, seed + 10, format, bias),
          .down_proj = make_linear(kHidden, inner, seed + 20, format, bias)};
}

Experts make_experts(kernels::WeightFormat format, bool bias) {
  Experts experts;
  experts.router = {.gate = make_linear(kExperts, kHidden, 1, format, bias), .top_k = kTopK};
  for (std::size_t e = 0; e < kExperts; ++e) {
    experts.routed.push_back(make_expert(kInner, 100 * static_cast<unsigned>(e + 1), format, bias));
  }
  return experts;
}

std::vector<double> multiply_plainly(const Linear& linear, const std::vector<double>& x) {
  std::vector<double> y;
  std::vector<float> row(linear.in_features());
  for (std::size_t i = 0; i < linear.out_features(); ++i) {
    linear.weight().unpack_row(i, row.data());
    y.push_back(std::inner_product(row.begin(), row.end(), x.begin(), linear.bias().empty() ? 0.0 : linear.bias()[i]));
  }
  return y;
}

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

std::vector<double> run_expert_plainly(const Experts& experts, const Expert& expert, const std::vector<double>& x) {
  const auto gate = multiply_plainly(expert.gate_proj, x);
  auto inner = multiply_plainly(expert.up_proj, x);
  for (std::size_t i = 0; i < inner.size(); ++i) {
    if (experts.clamped) {
      const double limit = experts.clamped->limit;
      const double g = std::min(gate[i], limit);
      inner[i] = (std::clamp(inner[i], -limit, limit) + 1) * g * sigmoid(g * experts.clamped->alpha);
    } else {
      inner[i] *= gate[i] * sigmoid(gate[i]);
    }
  }
  return multiply_plainly(expert.down_proj, inner);
}

// The weights [n_experts] of one row, 0 for experts that it does not go to.
std::vector<double> route_plainly(const Router& router, const std::vector<double>& x) {
  std::vector<double> scores = multiply_plainly(router.gate, x);
  for (double& s : scores) s = std::exp(s);
  std::vector<double> sorted = scores;
  std::ranges::sort(sorted, std::greater<>());
  const double all = std::accumulate(sorted.begin(), sorted.end(), 0.0);
  const double best = std::accumulate(sorted.begin(), sorted.begin() + kTopK, 0.0);
  const bool among_best = router.normalize || router.rule == Router::Rule::softmax_of_best;
  for (double& s : scores) s = s < sorted[kTopK - 1] ? 0 : s / (among_best ? best : all);
  return scores;
}

std::vector<double> reference(const Experts& experts, const float* row) {
  const std::vector<double> x(row, row + kHidden);
  std::vector<double> y = x;
  const auto add = [&](const Expert& expert, double weight) {
    const auto out = run_expert_plainly(experts, expert, x);
    for (std::size_t i = 0; i < kHidden; ++i) y[i] += weight * out[i];
  };
  const auto weights = route_plainly(experts.router, x);
  for (std::size_t e = 0; e < kExperts; ++e) {
    if (weights[e] > 0) add(experts.routed[e], weights[e]);
  }
  if (experts.shared) {
    add(*experts.shared, experts.shared_gate ? sigmoid(multiply_plainly(*experts.shared_gate, x)[0]) : 1);
  }
  return y;
}

class ExpertsTest : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    const auto tables = kernels::available_tables();
    const bool known = std::ranges::any_of(tables, [](const auto* t) { return t->name == std::string(GetParam()); });
    if (!known) GTEST_SKIP() << "this machine has no " << GetParam();
    kernels::use_table(GetParam());
  }
  void TearDown() override { kernels::use_table(before_); }

  // x [rows, hidden] through the experts.
  std::vector<float> run(const Experts& experts, std::vector<float> x, int threads, std::vector<Row> rows = {}) {
    rows.resize(x.size() / kHidden);
    ThreadPool pool(threads);
    Context context;
    context.rows = rows;
    for (std::size_t r = 0; r < rows.size(); ++r) {
      if (rows[r].adapter == 0) continue;
      context.adapter_spans.push_back(
          {.begin = r, .end = r + 1, .adapter = rows[r].adapter, .scale = rows[r].adapter_scale});
    }
    context.pool = &pool;
    context.work = &work_;
    experts.add_to(x.data(), {}, context);
    return x;
  }

  void check(const Experts& experts, double tolerance) {
    const auto x = random_values(kRows * kHidden, 5);
    const auto y = run(experts, x, 2);
    for (std::size_t r = 0; r < kRows; ++r) {
      const auto wanted = reference(experts, x.data() + r * kHidden);
      for (std::size_t i = 0; i < kHidden; ++i) {
        ASSERT_NEAR(y[r * kHidden + i], wanted[i], tolerance * std::max(1.0, std::abs(wanted[i]))) << r << ", " << i;
      }
    }
    const auto again = run(experts, x, 3);
    EXPECT_EQ(std::memcmp(y.data(), again.data(), y.size() * sizeof(float)), 0);
    for (std::size_t r = 0; r < kRows; ++r) {
      const std::vector<float> row(x.begin() + static_cast<std::ptrdiff_t>(r * kHidden),
                                   x.begin() + static_cast<std::ptrdiff_t>((r + 1) * kHidden));
      const auto alone = run(experts, row, 1);
      ASSERT_EQ(std::memcmp(alone.data(), y.data() + r * kHidden, kHidden * sizeof(float)), 0) << r;
    }
  }

 private:
  std::string before_ = kernels::table().name;
  Workspace work_;
};

TEST_P(ExpertsTest, SoftmaxThenTheBest) { check(make_experts(kernels::WeightFormat::f32, false), 1e-5); }

TEST_P(ExpertsTest, NormalizedWeights) {
  Experts experts = make_experts(kernels::WeightFormat::f16, false);
  experts.router.normalize = true;
  check(experts, 1e-5);
}

TEST_P(ExpertsTest, SoftmaxOfTheBestWithBiasesAndClampedActivation) {
  Experts experts = make_experts(kernels::WeightFormat::f32, true);
  experts.router.rule = Router::Rule::softmax_of_best;
  experts.clamped = ClampedSwiglu{.alpha = 1.702F, .limit = 1.5F};
  check(experts, 1e-5);
}

TEST_P(ExpertsTest, SharedExpert) {
  Experts experts = make_experts(kernels::WeightFormat::f32, false);
  experts.shared = make_expert(kSharedInner, 1000, kernels::WeightFormat::f32, false);
  check(experts, 1e-5);
  experts.shared_gate = make_linear(1, kHidden, 2000, kernels::WeightFormat::f32, false);
  check(experts, 1e-5);
}

// bf16 weights of one matrix beside f32 ones of another: inputs are packed for some products and not for others.
TEST_P(ExpertsTest, FormatsMayDiffer) {
  Experts experts = make_experts(kernels::WeightFormat::bf16, false);
  experts.router.gate = make_linear(kExperts, kHidden, 1, kernels::WeightFormat::f32, false);
  experts.routed[2].up_proj = make_linear(kInner, kHidden, 310, kernels::WeightFormat::f32, false);
  experts.routed[3] = make_expert(kInner, 400, kernels::WeightFormat::f16, false);
  check(experts, 0.05);  // where tiles round their inputs to bf16
}

TEST_P(ExpertsTest, AdaptersFollowTheirRows) {
  Experts experts = make_experts(kernels::WeightFormat::f32, false);
  for (Expert& expert : experts.routed) {
    for (const Linear* linear : {&expert.up_proj, &expert.down_proj}) {
      const std::size_t rank = 2;
      linear->adapters()->set(1, {.rank = rank,
                                  .scale = 0.5F,
                                  .a = random_values(rank * linear->in_features(), 7),
                                  .b = random_values(linear->out_features() * rank, 8)});
    }
  }
  const auto x = random_values(kRows * kHidden, 5);
  const auto plain = run(experts, x, 2);
  std::vector<Row> rows(kRows);
  for (std::size_t r = 0; r < kRows; r += 1 + r % 3) rows[r] = {.adapter = 1, .adapter_scale = 0.25F};
  const auto some = run(experts, x, 2, rows);
  for (std::size_t r = 0; r < kRows; ++r) {
    const std::vector<float> row(x.begin() + static_cast<std::ptrdiff_t>(r * kHidden),
                                 x.begin() + static_cast<std::ptrdiff_t>((r + 1) * kHidden));
    const auto alone = run(experts, row, 1, {rows[r]});
    const float* const found = some.data() + r * kHidden;
    ASSERT_EQ(std::memcmp(alone.data(), found, kHidden * sizeof(float)), 0) << r;
    const bool changed = std::memcmp(plain.data() + r * kHidden, found, kHidden * sizeof(float)) != 0;
    ASSERT_EQ(changed, rows[r].adapter == 1) << r;
  }
}

TEST_P(ExpertsTest, EqualScoresGoToTheLowerExpertAndNanStaysInRange) {
  Experts experts = make_experts(kernels::WeightFormat::f32, false);
  std::vector<float> equal(kExperts, 1.5F);
  std::array<Choice, kTopK> choices;
  experts.router.choose(equal.data(), choices.data());
  for (std::size_t i = 0; i < kTopK; ++i) EXPECT_EQ(choices[i].expert, i);
  std::vector<float> broken(kExperts, std::nanf(""));
  experts.router.choose(broken.data(), choices.data());
  for (std::size_t i = 0; i < kTopK; ++i) EXPECT_EQ(choices[i].expert, i);
}

INSTANTIATE_TEST_SUITE_P(Tables, ExpertsTest, testing::Values("scalar", "avx2", "avx512", "avx512bf16", "amx"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace skald::nn
