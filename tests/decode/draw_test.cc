#include "decode/draw.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "decode/chain.h"

namespace skald::decode {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// The 0.999 quantile of chi-square with `n` degrees of freedom (Wilson and Hilferty).
double chi_square_limit(double n) {
  const double z = 3.0902, a = 2 / (9 * n);
  return n * std::pow(1 - a + z * std::sqrt(a), 3);
}

std::vector<float> test_logits(std::size_t n) {
  std::vector<float> logits(n);
  for (std::size_t i = 0; i < n; ++i) logits[i] = 2.5F * std::sin(static_cast<float>(i) * 1.7F);
  return logits;
}

// Draws follow the softmax of what the filters leave.
void expect_follows(const GenerationConfig& config, std::size_t vocab) {
  constexpr int kDraws = 40000;
  const std::vector<TokenId> history = {0, 1};
  const ProcessorChain chain = build_chain(config, {.prompt_length = 2, .encoder_input = {}, .vocab_size = vocab});
  Candidates candidates(vocab);
  std::vector<float> logits = test_logits(vocab);
  candidates.reset(logits);
  chain.apply({.history = history, .prompt_length = 2}, candidates);
  std::vector<double> p(vocab, 0);
  double total = 0;
  candidates.for_each(
      [&](TokenId token, float logit) { total += p[static_cast<std::size_t>(token)] = std::exp(logit); });
  std::vector<int> counts(vocab, 0);
  for (std::uint32_t step = 0; step < kDraws; ++step) {
    ++counts[static_cast<std::size_t>(draw(candidates, {.seed = 11, .completion = step % 3, .step = step}))];
  }
  double chi_square = 0, freedom = -1;
  for (std::size_t i = 0; i < vocab; ++i) {
    const double expected = kDraws * p[i] / total;
    if (expected == 0) {
      EXPECT_EQ(counts[i], 0);
      continue;
    }
    chi_square += (counts[i] - expected) * (counts[i] - expected) / expected;
    ++freedom;
  }
  EXPECT_LT(chi_square, chi_square_limit(freedom));
}

TEST(Draw, FollowsTheFilteredDistribution) {
  expect_follows({.do_sample = true}, 40);
  expect_follows({.do_sample = true}, 700);  // dense, over several portions of variates
  expect_follows({.do_sample = true, .temperature = 0.6, .top_k = 12}, 40);
  expect_follows({.do_sample = true, .top_p = 0.7}, 40);
  expect_follows({.do_sample = true, .temperature = 1.8, .min_p = 0.05, .repetition_penalty = 1.4}, 40);
  expect_follows({.do_sample = true, .typical_p = 0.6}, 40);
  expect_follows({.do_sample = true, .epsilon_cutoff = 0.02, .top_h = 0.8}, 40);
  expect_follows({.do_sample = true, .eta_cutoff = 0.1, .top_n_sigma = 1.5}, 40);
}

TEST(Draw, DependsOnLogitsAndKeyAlone) {
  for (std::uint32_t step = 0; step < 200; ++step) {
    auto a = test_logits(1000), b = test_logits(1000);
    Candidates held_dense(1000), held_sparse(1000);
    held_dense.reset(a);
    held_sparse.reset(b);
    held_sparse.keep_if([](float) { return true; });
    const DrawKey key{.seed = 5, .completion = 1, .step = step};
    const TokenId token = draw(held_dense, key);
    EXPECT_EQ(draw(held_sparse, key), token);
    (void)held_sparse.sorted();
    EXPECT_EQ(draw(held_sparse, key), token);
    // A filter that spares the drawn token does not change the draw.
    held_sparse.keep_if([least = test_logits(1000)[static_cast<std::size_t>(token)]](float l) { return l >= least; });
    EXPECT_EQ(draw(held_sparse, key), token);
  }
}

TEST(Draw, IsTheRaceOfProbabilityOverExponential) {
  auto logits = test_logits(50);
  Candidates candidates(50);
  candidates.reset(logits);
  for (std::uint32_t step = 0; step < 300; ++step) {
    const DrawKey key{.seed = 99, .completion = 2, .fork = 1, .step = step};
    TokenId best = 0;
    double best_score = 0;
    for (std::uint32_t t = 0; t < 50; ++t) {
      const double score = std::exp(static_cast<double>(logits[t])) / exponential(key, t);
      if (score > best_score) {
        best = static_cast<TokenId>(t);
        best_score = score;
      }
    }
    EXPECT_EQ(draw(candidates, key), best);
  }
}

TEST(Draw, NothingLeft) {
  std::vector<float> logits(4, -kInfinity);
  Candidates candidates(4);
  candidates.reset(logits);
  EXPECT_EQ(draw(candidates, {}), -1);
}

TEST(Draw, UsableLogits) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_TRUE(usable(std::vector<float>{1, -kInfinity, 3}));
  EXPECT_TRUE(usable(std::vector<float>{std::numeric_limits<float>::max(), 0}));
  EXPECT_FALSE(usable(std::vector<float>{1, nan, 3}));
  EXPECT_FALSE(usable(std::vector<float>{1, -nan, 3}));
  EXPECT_FALSE(usable(std::vector<float>{1, kInfinity}));
  EXPECT_FALSE(usable(std::vector<float>{-kInfinity, -kInfinity}));
}

TEST(Candidates, LogSumExp) {
  const std::vector<float> logits = {1000, 1000, -kInfinity};
  EXPECT_DOUBLE_EQ(log_sum_exp(logits), 1000 + std::log(2.0));
}

}  // namespace
}  // namespace skald::decode
