// When a completion ends, and what is told of it.
#include <gtest/gtest.h>

#include "engine/rig.h"
#include "engine/small_tokenizer.h"
#include "skald/error.h"

namespace skald {
namespace {

using test::Rig;
using test::some_prompt;

// Token ids of the small tokenizer.
constexpr TokenId kT = 19, kTheWord = 62, kSt = 67, kOpera = 69, kFirstHalf = 76, kSecondHalf = 77, kSpecial = 90;

class Stopping : public testing::Test {
 protected:
  // Greedy decoding of `script`, again and again.
  static GenerationConfig saying(const std::vector<TokenId>& script) {
    GenerationConfig config{.max_new_tokens = 12, .do_sample = false};
    std::vector<SequenceBias> biases{{{kPrompt, script[0]}, 1e4}};
    for (std::size_t i = 0; i < script.size(); ++i) {
      biases.push_back({{script[i], script[(i + 1) % script.size()]}, 1e4});
    }
    config.sequence_bias = biases;
    return config;
  }
  Completion run(const GenerationConfig& config) { return rig_.run({std::vector<TokenId>{kPrompt}}, config)[0]; }

  static constexpr TokenId kPrompt = 3;
  text::Tokenizer tokenizer_ = test::small_tokenizer();
  Rig rig_{{.tokenizer = &tokenizer_}};
};

TEST_F(Stopping, AnyOfTheEndTokensStopsAndIsTold) {
  GenerationConfig config = saying({kT, kTheWord, kOpera});
  config.eos_token_id = {kOpera, kTheWord};
  const Completion completion = run(config);
  EXPECT_EQ(completion.token_ids, (std::vector<TokenId>{kT, kTheWord}));
  EXPECT_EQ(completion.finish_reason, FinishReason::stop);
  EXPECT_EQ(completion.stop_token, kTheWord);
  EXPECT_EQ(completion.stop_text, "");
}

TEST_F(Stopping, StopTokensAddToTheEndTokens) {
  GenerationConfig config = saying({kT, kTheWord, kOpera});
  config.eos_token_id = {kSpecial};
  config.stop_token_ids = {kOpera};
  EXPECT_EQ(run(config).stop_token, kOpera);
  config.ignore_eos = true;
  EXPECT_EQ(run(config).stop_token, kOpera);
  config.eos_token_id = {kTheWord};
  EXPECT_EQ(run(config).stop_token, kOpera);
  config.ignore_eos = false;
  EXPECT_EQ(run(config).stop_token, kTheWord);
}

TEST_F(Stopping, AtTheLastTokenTheEndTokenIsTheReason) {
  GenerationConfig config = saying({kT, kTheWord, kOpera});
  config.max_new_tokens = 2;
  EXPECT_EQ(run(config).finish_reason, FinishReason::length);
  EXPECT_FALSE(run(config).stop_token);
  config.eos_token_id = {kTheWord};
  EXPECT_EQ(run(config).finish_reason, FinishReason::stop);
}

TEST_F(Stopping, NoEndBeforeTheLeastLength) {
  GenerationConfig config = saying({kT, kTheWord, kOpera});
  config.stop_token_ids = {kTheWord};
  config.eos_token_id = {kOpera};
  config.min_new_tokens = 5;
  EXPECT_GE(run(config).token_ids.size(), 6U);
  config.min_new_tokens.reset();
  config.min_length = 4;  // with the prompt
  EXPECT_GE(run(config).token_ids.size(), 4U);
}

TEST_F(Stopping, AStringAcrossTokensAndInsideACharacter) {
  GenerationConfig config = saying({kSt, kOpera, kFirstHalf, kSecondHalf});  // "stoperaé"
  config.stop_strings = {{"never", "top"}};
  Completion completion = run(config);
  EXPECT_EQ(completion.text, "s");
  EXPECT_EQ(completion.stop_text, "top");
  EXPECT_EQ(completion.finish_reason, FinishReason::stop);
  EXPECT_FALSE(completion.stop_token);
  config.stop_strings = {{"aé"}};
  completion = run(config);
  EXPECT_EQ(completion.text, "stoper");
  EXPECT_EQ(completion.token_ids.size(), 4U);
  config.stop_strings = {{"é"}};
  config.include_stop = true;
  EXPECT_EQ(run(config).text, "stoperaé");
}

TEST_F(Stopping, TimeIsToldAsSuch) {
  const auto completion = rig_.run({some_prompt(5)}, {.max_new_tokens = 300000, .max_time = 0.05})[0];
  EXPECT_EQ(completion.finish_reason, FinishReason::time);
  EXPECT_STREQ(to_string(completion.finish_reason), "time");
}

TEST_F(Stopping, NoticesComeWithTheCompletion) {
  const auto completion = run({.max_new_tokens = 1, .do_sample = false, .top_p = 0.5});
  ASSERT_EQ(completion.notices.size(), 1U);
  EXPECT_EQ(to_string(completion.notices[0]), "top_p = 0.5: has no effect: nothing is sampled");
}

// What a model may give that is no distribution, put in by a hook at step 2 of the second prompt.
struct BadLogits {
  const char* name;
  float everywhere, at_one;
};

class NoDistribution : public testing::TestWithParam<BadLogits> {};

TEST_P(NoDistribution, EndsThatRequestAndLeavesItsNeighboursAlone) {
  const GenerationConfig config{.max_new_tokens = 6, .seed = 5};
  const std::vector<Prompt> prompts = {some_prompt(8, 1), some_prompt(8, 2), some_prompt(8, 3)};
  Rig rig;
  rig.set_hooks({.logits_processors = {[](const StepView& view, std::span<float> logits) {
                   if (view.prompt_index != 1 ||
                       static_cast<std::int64_t>(view.token_ids.size()) != view.prompt_length + 2)
                     return;
                   std::ranges::fill(logits, GetParam().everywhere);
                   logits[7] = GetParam().at_one;
                 }}});
  std::vector<Completion> finished(3);
  const auto group = rig.submit(prompts, config, [&](const StreamEvent& event) {
    if (event.finished != nullptr) finished[static_cast<std::size_t>(event.prompt_index)] = *event.finished;
  });
  EXPECT_THROW(group->wait(), ModelError);
  EXPECT_EQ(finished[1].finish_reason, FinishReason::error);
  EXPECT_EQ(finished[1].token_ids.size(), 2U);
  for (const std::size_t i : {0U, 2U}) {
    const Completion alone = Rig().run({prompts[i]}, config)[0];
    EXPECT_EQ(finished[i].token_ids, alone.token_ids) << i;
    EXPECT_EQ(finished[i].finish_reason, FinishReason::length) << i;
  }
}

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
INSTANTIATE_TEST_SUITE_P(Engine, NoDistribution,
                         testing::Values(BadLogits{"one_nan", 0, kNan}, BadLogits{"all_nan", kNan, kNan},
                                         BadLogits{"an_infinity", 0, kInfinity},
                                         BadLogits{"nothing_left", -kInfinity, -kInfinity}),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace skald
