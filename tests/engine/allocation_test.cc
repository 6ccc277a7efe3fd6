// No allocation per token: counted over the steps in the middle of a generation.
#include <gtest/gtest.h>

#include "engine/allocation_count.h"
#include "engine/rig.h"
#include "engine/small_tokenizer.h"

namespace skald {
namespace {

// Allocations between two passes, of which `first` is past all warming up.
std::size_t allocations_between(int first, int last, test::RigOptions options, GenerationConfig config) {
  int pass = 0;
  std::size_t at_first = 0, at_last = 0;
  options.model.before_pass = [&] {
    ++pass;
    if (pass == first) at_first = test::allocation_count();
    if (pass == last) at_last = test::allocation_count();
  };
  options.threads = 2;
  test::Rig rig(options);
  config.max_new_tokens = 600;
  config.seed = 1;
  (void)rig.run({test::some_prompt(20), test::some_prompt(30)}, config);
  EXPECT_GT(pass, last);
  pass = 0;
  if (config.prefix_cache.value_or(false)) {  // once more, beside what is kept
    (void)rig.run({test::some_prompt(20), test::some_prompt(40)}, config);
    EXPECT_GT(pass, last);
  }
  return at_last - at_first;
}

std::size_t allocations_between(int first, int last, const text::Tokenizer* tokenizer, const GenerationConfig& config) {
  return allocations_between(first, last, test::RigOptions{.tokenizer = tokenizer}, config);
}

// Of 400 steps. The pool's block tables and the text grow with a sequence: now and then, not with each token.
constexpr std::size_t kGrowth = 12;  // of one sequence

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

// Where a token may be taken back, what the text was before it is kept: a copy of the detokenizer, in few pieces.
constexpr std::size_t kFew = 4 * 2 * 100;  // of 100 steps

struct Case {
  const char* name;
  const char* json;
  std::size_t most = 2 * kGrowth;
};

class Allocations : public testing::TestWithParam<Case> {};

TEST_P(Allocations, AreNoneOrFew) {
  const text::Tokenizer tokenizer = test::small_tokenizer();
  const test::RigOptions options{.tokenizer = &tokenizer, .draft = test::FakeOptions{}};
  GenerationConfig config = GenerationConfig::from_json(GetParam().json);
  if (!config.num_assistant_tokens) config.num_assistant_tokens = 0;
  EXPECT_LE(allocations_between(60, 160, options, config), GetParam().most);
}

INSTANTIATE_TEST_SUITE_P(Engine, Allocations,
                         testing::Values(Case{"BannedStrings", R"({"banned_strings": ["the opera", "of"]})", kFew},
                                         Case{"MustInclude", R"({"must_include": ["operating"]})", kFew},
                                         Case{"Prefix", R"({"prefix": "the opera"})", kFew},
                                         Case{"AllowedTokens", R"({"allowed_tokens": [1, 2, 3, 4, 5, 6, 7, 8]})"},
                                         Case{"Dry", R"({"dry_multiplier": 0.8, "do_sample": true})"},
                                         Case{"BesideWhatIsKept", R"({"prefix_cache": true, "do_sample": false})"},
                                         Case{"Guidance", R"({"guidance_scale": 1.5})", 4 * kGrowth},
                                         Case{"PromptLookup", R"({"prompt_lookup_num_tokens": 4, "do_sample": false})",
                                              4 * kGrowth},
                                         Case{"BannedStringsSampled",
                                              R"({"banned_strings": ["the opera", "of"], "temperature": 0.8})", kFew}),
                         [](const auto& info) { return info.param.name; });

// Hypotheses that fork take memory with them: a few pieces each, whatever the vocabulary. A draft begins with a chain
// of processors of its own.
TEST(Allocation, FewPerTokenOfBeamsAndDraftModels) {
  const test::RigOptions options{.draft = test::FakeOptions{}};
  constexpr std::size_t kSteps = 100, kRows = 2 * 4;
  const GenerationConfig beams{.num_assistant_tokens = 0, .num_beams = 4};
  EXPECT_LE(allocations_between(60, 60 + kSteps, options, beams), 8 * kSteps * kRows);
  const GenerationConfig drafts{.do_sample = false, .num_assistant_tokens = 4};
  EXPECT_LE(allocations_between(60, 60 + kSteps, options, drafts), 4 * kSteps);
}

}  // namespace
}  // namespace skald
