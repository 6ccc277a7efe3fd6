#include "decode/resolve.h"

#include <gtest/gtest.h>

#include "skald/error.h"
#include "support/expect_error.h"

namespace skald::decode {
namespace {

using test::expect_error;

TEST(Resolve, RanksAreCallThenFileThenDoor) {
  const auto resolved = resolve({.top_k = 5}, {.temperature = 0.6, .top_k = 20}, Door::library);
  EXPECT_EQ(resolved.config.top_k, 5);
  EXPECT_EQ(resolved.config.temperature, 0.6);
  EXPECT_EQ(resolved.config.max_new_tokens, 200);
  EXPECT_EQ(resolved.config.do_sample, true);
  EXPECT_FALSE(resolved.length_asked);
  EXPECT_EQ(resolve({}, {}, Door::generate_command).config.max_new_tokens, 100);
  EXPECT_EQ(resolve({}, {}, Door::transformers).config.top_k, 50);
  EXPECT_EQ(resolve({}, {}, Door::transformers).config.do_sample, false);
  EXPECT_FALSE(resolve({}, {}, Door::library).config.top_k);  // no filter that nobody asked for
}

TEST(Resolve, ADoorsFiltersAreForModelsThatSayNothing) {
  EXPECT_EQ(resolve({}, {}, Door::turbo).config.top_k, 50);
  EXPECT_EQ(resolve({}, {.eos_token_id = {{3}}}, Door::turbo).config.top_p, 0.9);
  const GenerationConfig beside = resolve({}, {.temperature = 0.6}, Door::turbo).config;
  EXPECT_FALSE(beside.top_k || beside.top_p || beside.repetition_penalty);
  EXPECT_EQ(beside.temperature, 0.6);
  EXPECT_EQ(resolve({}, {.temperature = 0.6}, Door::transformers).config.top_k, 50);  // as transformers
  EXPECT_EQ(resolve({}, {}, Door::llm).config.max_new_tokens, 512);
}

TEST(Resolve, TheCallersLengthGoesBeforeTheFiles) {
  EXPECT_EQ(resolve({}, {.max_length = 50}, Door::library).config.max_length, 50);
  EXPECT_FALSE(resolve({}, {.max_length = 50}, Door::library).config.max_new_tokens);
  EXPECT_EQ(resolve({.max_new_tokens = 7}, {.max_length = 50}, Door::library).config.max_new_tokens, 7);
  EXPECT_FALSE(resolve({.max_new_tokens = 7}, {.max_length = 50}, Door::library).config.max_length);
  EXPECT_EQ(resolve({.max_length = 9}, {.max_new_tokens = 50}, Door::library).config.max_length, 9);
  EXPECT_EQ(resolve({.max_length = 9}, {.max_new_tokens = 50}, Door::transformers).config.max_new_tokens, 50);
  EXPECT_TRUE(resolve({.max_length = 9}, {}, Door::library).length_asked);
}

TEST(Resolve, TemperatureDecidesInNativeDoors) {
  EXPECT_EQ(resolve({.temperature = 0.0}, {}, Door::library).config.do_sample, false);
  EXPECT_EQ(resolve({.temperature = 1e-320}, {}, Door::library).config.do_sample, false);
  EXPECT_EQ(resolve({.do_sample = true, .temperature = 0.0}, {}, Door::library).config.do_sample, false);
  EXPECT_EQ(resolve({.temperature = 0.5}, {.do_sample = false}, Door::library).config.do_sample, true);
  EXPECT_EQ(resolve({}, {.do_sample = false}, Door::library).config.do_sample, false);
  expect_error<OptionError>([] { (void)resolve({.do_sample = true, .temperature = 0.0}, {}, Door::transformers); },
                            "temperature = 0: must be a number above 0");
}

TEST(Resolve, ContradictionsAreRefused) {
  expect_error<OptionError>([] { (void)resolve({.do_sample = false, .num_return_sequences = 3}, {}, Door::library); },
                            "num_return_sequences = 3: greedy decoding gives one sequence");
  expect_error<OptionError>([] { (void)resolve({.max_new_tokens = 5, .min_new_tokens = 9}, {}, Door::library); },
                            "min_new_tokens = 9: must be at most max_new_tokens, 5");
  expect_error<OptionError>([] { (void)resolve({.max_length = 5, .min_length = 9}, {}, Door::library); },
                            "min_length = 9: must be at most max_length, 5");
  expect_error<OptionError>([] { (void)resolve({.top_p = 3.0}, {}, Door::library); }, "top_p = 3");
}

}  // namespace
}  // namespace skald::decode
