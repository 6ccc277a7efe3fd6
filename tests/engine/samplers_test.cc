// Samplers that keep a state or toss a coin: a text depends on its request alone, not on drafts, batches or threads.
#include <gtest/gtest.h>

#include "engine/rig.h"

namespace skald {
namespace {

using test::Rig;
using test::some_prompt;

class SamplerOption : public testing::TestWithParam<const char*> {
 protected:
  static GenerationConfig config() {
    GenerationConfig common{
        .max_new_tokens = 50, .temperature = 0.5, .seed = 3, .num_return_sequences = 2, .logprobs = 0};
    return GenerationConfig::from_json(GetParam()).over(common);
  }
};

void expect_same(const std::vector<Completion>& a, const std::vector<Completion>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].token_ids, b[i].token_ids);
    for (std::size_t t = 0; t < a[i].logprobs.size(); ++t) {
      EXPECT_EQ(a[i].logprobs[t].logprob, b[i].logprobs[t].logprob);
    }
  }
}

TEST_P(SamplerOption, ChangesTheText) {
  GenerationConfig without{.max_new_tokens = 50, .temperature = 0.5, .seed = 3, .num_return_sequences = 2};
  const std::vector<Prompt> prompts = {some_prompt(9), some_prompt(14, 3), some_prompt(21, 1)};
  const auto plain = Rig().run(prompts, without), changed = Rig().run(prompts, config());
  bool differ = false;
  for (std::size_t i = 0; i < plain.size(); ++i) differ |= plain[i].token_ids != changed[i].token_ids;
  EXPECT_TRUE(differ);
}

TEST_P(SamplerOption, DraftsChangeNothing) {
  const test::FakeOptions model{.memory = 3};
  const std::vector<Prompt> prompts = {some_prompt(40, 1), some_prompt(30)};
  GenerationConfig drafted = config();
  const auto plain = Rig({.model = model}).run(prompts, drafted);
  drafted.prompt_lookup_num_tokens = 5;
  expect_same(plain, Rig({.model = model, .threads = 2}).run(prompts, drafted));
  drafted = config();
  drafted.num_assistant_tokens = 5;
  drafted.assistant_confidence_threshold = 0.1;
  expect_same(plain,
              Rig({.model = model, .threads = 2, .draft = test::FakeOptions{.memory = 2}}).run(prompts, drafted));
}

TEST_P(SamplerOption, CompanyChangesNothing) {
  const auto alone = Rig().run({some_prompt(33)}, config());
  Rig rig({.threads = 2, .engine = {.prefill_chunk = 7}});
  const auto beams = rig.submit({some_prompt(50, 4)}, {.max_new_tokens = 30, .num_beams = 3});
  const auto together = rig.submit({some_prompt(20, 1), some_prompt(33)}, config())->wait();
  static_cast<void>(beams->wait());
  expect_same(alone, {together.begin() + 2, together.end()});
}

TEST_P(SamplerOption, InBeams) {
  GenerationConfig beams = config();
  beams.num_beams = 3;
  beams.do_sample = true;
  const auto alone = Rig().run({some_prompt(33)}, beams);
  const auto together = Rig({.threads = 2}).run({some_prompt(20, 1), some_prompt(33)}, beams);
  expect_same(alone, {together.begin() + 2, together.end()});
}

INSTANTIATE_TEST_SUITE_P(Options, SamplerOption,
                         testing::Values(R"({"mirostat": 1, "mirostat_tau": 2})",
                                         R"({"mirostat": 2, "mirostat_tau": 2, "mirostat_eta": 0.3})",
                                         R"({"xtc_probability": 0.5, "xtc_threshold": 0.05})",
                                         R"({"dry_multiplier": 0.8, "dry_allowed_length": 1})",
                                         R"({"top_n_sigma": 0.3})", R"({"dynatemp_range": 0.5})",
                                         R"({"repetition_penalty": 1.3, "repeat_last_n": 8, "frequency_penalty": 0.3})",
                                         R"({"watermarking_config": {}})",
                                         R"({"watermarking_config": {"seeding_scheme": "selfhash"}})",
                                         R"({"watermarking_config": {"keys": [1, 2, 3, 4], "ngram_len": 3}})",
                                         R"({"profile": "llamacpp", "presence_penalty": 0.5})",
                                         R"({"samplers": ["temperature", "min_p"], "min_p": 0.4})"));

}  // namespace
}  // namespace skald
