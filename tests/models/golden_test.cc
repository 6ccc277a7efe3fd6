// Logits and greedy tokens against what transformers computed from the same checkpoints.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "models/model_case.h"

namespace skald::models {
namespace {

constexpr float kTolerance = 1e-4F;  // of the largest logit

class Golden : public testing::TestWithParam<ModelCase> {};

float largest(const std::vector<float>& values) {
  float most = 0;
  for (const float v : values) most = std::max(most, std::abs(v));
  return most;
}

TEST_P(Golden, LogitsEqualTheReference) {
  const ModelCase& c = GetParam();
  ThreadPool pool(2);
  const auto model = load_model(c.folder, {.bits = 32}, pool);
  const auto state = make_pool(*model);
  const nn::SequenceId s = begin_case(*model, c, *state, pool);
  // As the reference ran: the prompt in one pass, then token by token.
  auto logits = run_rows(*model, *state, pool, case_rows(c, s, 0, c.prompt.size()));
  for (std::size_t p = c.prompt.size(); p < c.length(); ++p) {
    logits[static_cast<std::int32_t>(p)] = run_rows(*model, *state, pool, case_rows(c, s, p, p + 1))[0];
  }
  const auto vocab = static_cast<std::size_t>(model->shape().vocab_size);
  const float scale = largest(c.logits);
  float worst = 0;
  for (std::size_t i = 0; i < c.rows.size(); ++i) {
    const auto& row = logits.at(c.rows[i]);
    ASSERT_EQ(row.size(), vocab);
    for (std::size_t t = 0; t < vocab; ++t) {
      ASSERT_TRUE(std::isfinite(row[t])) << "row " << i << ", token " << t;
      worst = std::max(worst, std::abs(row[t] - c.logits[i * vocab + t]));
    }
  }
  EXPECT_LE(worst, kTolerance * scale) << "relative " << worst / scale;
  RecordProperty("relative_error", std::to_string(worst / scale));
}

TEST_P(Golden, GreedyTokensEqualTheReference) {
  const ModelCase& c = GetParam();
  ThreadPool pool(1);
  const auto model = load_model(c.folder, {.bits = 32}, pool);
  const auto state = make_pool(*model);
  const nn::SequenceId s = begin_case(*model, c, *state, pool);
  std::vector<float> last = run_rows(*model, *state, pool, case_rows(c, s, 0, c.prompt.size())).rbegin()->second;
  std::vector<TokenId> tokens;
  while (tokens.size() < c.greedy.size()) {
    tokens.push_back(static_cast<TokenId>(std::ranges::max_element(last) - last.begin()));
    const std::size_t position = c.prompt.size() + tokens.size() - 1;
    nn::Row row = case_rows(c, s, position, position + 1)[0];
    row.token = tokens.back();
    last = run_rows(*model, *state, pool, {row})[0];
  }
  EXPECT_EQ(tokens, c.greedy);
  const std::set<TokenId> distinct(tokens.begin(), tokens.end());
  EXPECT_GE(distinct.size() * 10, tokens.size() * 3);
}

INSTANTIATE_TEST_SUITE_P(Models, Golden, testing::ValuesIn(model_cases()),
                         [](const auto& info) { return info.param.name(); });

}  // namespace
}  // namespace skald::models
