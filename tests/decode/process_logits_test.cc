// Options as a function of logits.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "skald/error.h"
#include "skald/processors.h"
#include "support/expect_error.h"

namespace skald {
namespace {

using test::expect_error;

constexpr float kOut = -std::numeric_limits<float>::infinity();

TEST(ProcessLogits, DoesWhatGenerationDoes) {
  std::vector<float> logits = {1, 4, 2, 3};
  process_logits({.do_sample = true, .temperature = 0.5F, .top_k = 2}, {}, logits);
  EXPECT_EQ(logits, (std::vector<float>{kOut, 8, kOut, 6}));
  logits = {1, 4, -2, 3};
  const std::vector<TokenId> ids = {1, 2, 1};
  process_logits({.repetition_penalty = 2.0F}, {.token_ids = ids, .prompt_length = 1}, logits);
  EXPECT_EQ(logits, (std::vector<float>{1, 2, -4, 3}));
  logits = {1, 4, 2, 3};
  process_logits({.top_k = 1}, {}, logits);
  EXPECT_EQ(logits, (std::vector<float>{1, 4, 2, 3})) << "filters are for sampling";
  process_logits({.do_sample = true, .top_k = 1}, {.min_tokens_to_keep = 3}, logits);
  EXPECT_EQ(logits, (std::vector<float>{kOut, 4, 2, 3}));
}

TEST(ProcessLogits, RefusesWhatItCannot) {
  std::vector<float> logits = {1, 2};
  const std::vector<TokenId> ids = {0, 2};
  expect_error<OptionError>([&] { process_logits({}, {.token_ids = ids}, logits); },
                            "token_ids = 2: must be in [0, 2)");
  expect_error<OptionError>([&] { process_logits({}, {.prompt_length = 1}, logits); }, "prompt_length = 1");
  expect_error<OptionError>([&] { process_logits({}, {.min_tokens_to_keep = 3}, logits); }, "min_tokens_to_keep = 3");
  expect_error<OptionError>([&] { process_logits({.top_p = 2.0F}, {}, logits); }, "top_p");
}

}  // namespace
}  // namespace skald
