// No allocation per token: counted over the steps in the middle of a generation.
#include <gtest/gtest.h>

#include "engine/allocation_count.h"
#include "engine/rig.h"
#include "engine/small_tokenizer.h"

namespace skald {
namespace {

// Allocations between two passes, of which `first` is past all warming up.
std::size_t allocations_between(int first, int last, const text::Tokenizer* tokenizer, GenerationConfig config) {
  int pass = 0;
  std::size_t at_first = 0, at_last = 0;
  test::Rig rig({.model = {.before_pass =
                               [&] {
                                 ++pass;
                                 if (pass == first) at_first = test::allocation_count();
                                 if (pass == last) at_last = test::allocation_count();
                               }},
                 .threads = 2,
                 .tokenizer = tokenizer});
  config.max_new_tokens = 600;
  config.seed = 1;
  (void)rig.run({test::some_prompt(20), test::some_prompt(30)}, config);
  EXPECT_GT(pass, last);
  return at_last - at_first;
}

// Of 400 steps. The pool's block tables and the text grow with a sequence: now and then, not with each token.
constexpr std::size_t kGrowth = 10;  // of one sequence

TEST(Allocation, NonePerTokenWhenGreedy) {
  EXPECT_LE(allocations_between(100, 500, nullptr, {.do_sample = false}), 2 * kGrowth);
}

TEST(Allocation, NonePerTokenWhenSampling) {
  const GenerationConfig config{.temperature = 0.9,
                                .top_k = 50,
                                .top_p = 0.9,
                                .min_p = 0.01,
                                .repetition_penalty = 1.1,
                                .num_return_sequences = 4,
                                .logprobs = 0};
  EXPECT_LE(allocations_between(100, 500, nullptr, config), 8 * kGrowth);
}

TEST(Allocation, NonePerTokenWithText) {
  const text::Tokenizer tokenizer = test::small_tokenizer();
  const GenerationConfig config{.stop_strings = {{"not to be found"}}, .temperature = 0.9};
  EXPECT_LE(allocations_between(100, 500, &tokenizer, config), 2 * kGrowth);
}

}  // namespace
}  // namespace skald
