// The choice of experts by group, against sorting everything.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <random>

#include "nn/experts.h"

namespace skald::nn {
namespace {

Router make_router(std::size_t groups, std::size_t per_group, std::size_t top_groups, std::size_t top_k) {
  const std::size_t n = groups * per_group;
  auto weight =
      std::make_shared<PackedMatrix>(pack_matrix(std::vector<float>(n * 4), n, 4, kernels::WeightFormat::f32));
  return {.gate = Linear("gate", std::move(weight)),
          .rule = Router::Rule::sigmoid_by_group,
          .top_k = top_k,
          .n_groups = groups,
          .top_groups = top_groups,
          .score_correction = std::vector<float>(n)};
}

// Indices of `scores`, best first, ties to the lower one.
std::vector<std::size_t> ranked(const std::vector<double>& scores) {
  std::vector<std::size_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, std::greater<>(), [&](std::size_t i) { return scores[i]; });
  return order;
}

std::map<std::size_t, double> choose_plainly(const Router& router, const std::vector<float>& logits) {
  const std::size_t n = logits.size();
  const std::size_t per_group = n / router.n_groups;
  std::vector<double> scores(n);
  std::vector<double> corrected(n);
  for (std::size_t e = 0; e < n; ++e) {
    scores[e] = 1 / (1 + std::exp(-static_cast<double>(logits[e])));
    corrected[e] = scores[e] + router.score_correction[e];
  }
  std::vector<double> sums;
  for (std::size_t g = 0; g < router.n_groups; ++g) {
    const auto first = corrected.begin() + static_cast<std::ptrdiff_t>(g * per_group);
    std::vector<double> members(first, first + static_cast<std::ptrdiff_t>(per_group));
    std::ranges::sort(members, std::greater<>());
    sums.push_back(members[0] + members[1]);
  }
  const auto groups = ranked(sums);
  for (std::size_t i = router.top_groups; i < groups.size(); ++i) {
    std::fill_n(corrected.begin() + static_cast<std::ptrdiff_t>(groups[i] * per_group), per_group, -1e9);
  }
  const auto order = ranked(corrected);
  double total = 0;
  for (std::size_t i = 0; i < router.top_k; ++i) total += scores[order[i]];
  std::map<std::size_t, double> weights;
  for (std::size_t i = 0; i < router.top_k; ++i) {
    weights[order[i]] = scores[order[i]] * router.scale / (router.normalize ? total : 1);
  }
  return weights;
}

TEST(RouterByGroup, EqualsSortingEverything) {
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  for (int trial = 0; trial < 500; ++trial) {
    const std::size_t groups = 1 + random() % 6;
    const std::size_t per_group = 2 + random() % 7;
    const std::size_t top_groups = 1 + random() % groups;
    Router router = make_router(groups, per_group, top_groups, 1 + random() % (top_groups * per_group));
    router.normalize = trial % 2 == 0;
    router.scale = trial % 3 == 0 ? 2.5F : 1.0F;
    for (float& c : router.score_correction) c = 0.3F * normal(random);
    std::vector<float> logits(groups * per_group);
    for (float& logit : logits) logit = normal(random);
    const auto wanted = choose_plainly(router, logits);
    std::vector<Choice> choices(router.top_k);
    router.choose(logits.data(), choices.data());
    ASSERT_EQ(choices.size(), wanted.size());
    for (const Choice& choice : choices) {
      ASSERT_TRUE(wanted.contains(choice.expert)) << trial;
      ASSERT_NEAR(choice.weight, wanted.at(choice.expert), 1e-5);
    }
  }
}

TEST(RouterByGroup, EqualScoresGoToTheLowerGroupAndExpert) {
  const Router router = make_router(4, 3, 2, 4);
  std::vector<float> logits(12, 0.5F);
  std::vector<Choice> choices(4);
  router.choose(logits.data(), choices.data());
  for (std::uint32_t i = 0; i < 4; ++i) EXPECT_EQ(choices[i].expert, i);
}

TEST(RouterByGroup, SigmoidsOfZeroAndNanStayInRange) {
  Router router = make_router(4, 3, 2, 4);
  router.normalize = true;
  for (const float logit : {-1000.0F, std::nanf("")}) {
    std::vector<float> logits(12, logit);
    std::vector<Choice> choices(4);
    router.choose(logits.data(), choices.data());
    for (const Choice& choice : choices) {
      EXPECT_LT(choice.expert, 12U);
      EXPECT_TRUE(std::isnan(logit) || choice.weight == 0.0F);
    }
  }
}

}  // namespace
}  // namespace skald::nn
