// Drafting changes speed only: with drafts and without, every token and every bit of a log-probability is the same.
#include <gtest/gtest.h>

#include <vector>

#include "engine/rig.h"
#include "engine/small_tokenizer.h"
#include "skald/error.h"

namespace skald {
namespace {

using test::Rig;

std::vector<GenerationConfig> drawn_configs() {
  return {
      {.max_new_tokens = 60, .do_sample = false, .logprobs = 3},
      {.max_new_tokens = 60, .eos_token_id = std::vector<TokenId>{5, 9}, .do_sample = false, .repetition_penalty = 1.3},
      {.max_new_tokens = 60, .temperature = 0.3, .top_k = 4, .seed = 7, .num_return_sequences = 3, .logprobs = 0},
      {.max_new_tokens = 60,
       .min_new_tokens = 20,
       .eos_token_id = std::vector<TokenId>{3, 4, 5, 6},
       .temperature = 0.5,
       .top_p = 0.8,
       .frequency_penalty = 0.2,
       .no_repeat_ngram_size = 5,
       .seed = 3,
       .num_return_sequences = 2},
  };
}

// A prompt that repeats itself, so that there is something to look up.
std::vector<TokenId> repeating(int n, int which) {
  std::vector<TokenId> ids;
  for (int i = 0; i < n; ++i) ids.push_back((i % 9) * 5 + which);
  return ids;
}

void expect_same_text(const std::vector<Completion>& a, const std::vector<Completion>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].token_ids, b[i].token_ids);
    EXPECT_EQ(a[i].finish_reason, b[i].finish_reason);
    ASSERT_EQ(a[i].logprobs.size(), b[i].logprobs.size());
    for (std::size_t t = 0; t < a[i].logprobs.size(); ++t) {
      EXPECT_EQ(a[i].logprobs[t].logprob, b[i].logprobs[t].logprob);
      EXPECT_EQ(a[i].logprobs[t].top, b[i].logprobs[t].top);
    }
  }
}

TEST(EarlyExit, ChangesNothingButTheNumberOfPasses) {
  std::int64_t drafted = 0, accepted = 0;
  for (const test::FakeOptions& model :
       {test::FakeOptions{}, test::FakeOptions{.long_rope_from = 50}, test::FakeOptions{.memory = 1}}) {
    for (GenerationConfig config : drawn_configs()) {
      const std::vector<Prompt> prompts{repeating(40, 1), test::some_prompt(30)};
      const auto plain = Rig({.model = model}).run(prompts, config);
      config.assistant_early_exit = 1;
      config.assistant_confidence_threshold = 0;
      const auto early = Rig({.model = model}).run(prompts, config);
      expect_same_text(plain, early);
      for (const Completion& c : early) {
        drafted += c.drafted_tokens;
        accepted += c.accepted_tokens;
      }
    }
  }
  EXPECT_GT(accepted, 0);
  EXPECT_GE(drafted, accepted);
}

TEST(EarlyExit, NeedsALayerThatItLeavesOut) {
  Rig rig;
  EXPECT_THROW(static_cast<void>(rig.run({test::some_prompt(10)}, {.assistant_early_exit = 2})), OptionError);
}

TEST(PromptLookup, ChangesNothingButTheNumberOfPasses) {
  std::int64_t drafted = 0, accepted = 0;
  for (const test::FakeOptions& model :
       {test::FakeOptions{}, test::FakeOptions{.long_rope_from = 50}, test::FakeOptions{.memory = 1}}) {
    for (GenerationConfig config : drawn_configs()) {
      const std::vector<Prompt> prompts{repeating(40, 1), repeating(45, 2), test::some_prompt(30)};
      const auto plain = Rig({.model = model}).run(prompts, config);
      config.prompt_lookup_num_tokens = 6;
      for (const DraftSchedule schedule :
           {DraftSchedule::adaptive, DraftSchedule::constant, DraftSchedule::heuristic}) {
        config.num_assistant_tokens_schedule = schedule;
        const auto sped = Rig({.model = model, .threads = 2}).run(prompts, config);
        expect_same_text(plain, sped);
        for (const Completion& c : sped) {
          drafted += c.drafted_tokens;
          accepted += c.accepted_tokens;
          // Each pass gives a token beside those of its draft; the last one may end within the draft.
          EXPECT_GE(c.model_passes + c.accepted_tokens, std::ssize(c.token_ids));
          EXPECT_LE(c.model_passes + c.accepted_tokens, std::ssize(c.token_ids) + 1);
        }
      }
    }
  }
  EXPECT_GT(drafted, 100);
  EXPECT_GT(accepted, 40);
  EXPECT_LT(accepted, drafted);
}

TEST(DraftModel, ChangesNothingButTheNumberOfPasses) {
  const test::FakeOptions model{.memory = 3};
  std::int64_t drafted = 0, accepted = 0;
  for (const test::FakeOptions& draft :
       {model, test::FakeOptions{.vocab_size = 80, .memory = 3}, test::FakeOptions{.vocab_size = 120, .memory = 3},
        test::FakeOptions{.memory = 2}, test::FakeOptions{.max_positions = 60, .hard_limit = true, .memory = 3}}) {
    for (GenerationConfig config : drawn_configs()) {
      const std::vector<Prompt> prompts{test::some_prompt(40, 1), test::some_prompt(30)};
      const auto plain = Rig({.model = model}).run(prompts, config);
      config.num_assistant_tokens = 5;
      config.assistant_confidence_threshold = 0.1;
      const auto sped =
          Rig({.model = model, .threads = 2, .engine = {.prefill_chunk = 16}, .draft = draft}).run(prompts, config);
      expect_same_text(plain, sped);
      for (const Completion& c : sped) {
        drafted += c.drafted_tokens;
        accepted += c.accepted_tokens;
      }
    }
  }
  EXPECT_GT(accepted, 300);
  EXPECT_LT(accepted, drafted);
}

TEST(DraftModel, OfTheSameModelIsAlwaysRight) {
  GenerationConfig config{.max_new_tokens = 61, .temperature = 0.7, .seed = 4, .num_assistant_tokens = 5};
  config.num_assistant_tokens_schedule = DraftSchedule::constant;
  config.assistant_confidence_threshold = 0;
  const auto done = Rig({.draft = test::FakeOptions{}}).run({test::some_prompt(20)}, config);
  EXPECT_EQ(done[0].accepted_tokens, done[0].drafted_tokens);
  EXPECT_EQ(done[0].model_passes, 11);  // the prompt's, then six tokens each
}

// A mixture of equals is what each of them is; of a model and another one it is a third, which keeps more of its
// drafts.
TEST(DraftModel, MayBeMixedIn) {
  GenerationConfig config{.max_new_tokens = 60, .temperature = 0.7, .seed = 4, .num_assistant_tokens = 5};
  config.num_assistant_tokens_schedule = DraftSchedule::constant;
  config.assistant_confidence_threshold = 0;
  const std::vector<Prompt> prompts{test::some_prompt(20), test::some_prompt(33)};
  const auto plain = Rig().run(prompts, config);
  Rig other({.draft = test::FakeOptions{.memory = 2}});
  const auto exact = other.run(prompts, config);
  config.assistant_ensemble_weight = 0.3;
  config.lossy = true;
  EXPECT_EQ(Rig({.draft = test::FakeOptions{}}).run(prompts, config)[1].token_ids, plain[1].token_ids);
  const auto mixed = other.run(prompts, config);
  EXPECT_NE(mixed[1].token_ids, plain[1].token_ids);
  EXPECT_GT(mixed[0].accepted_tokens + mixed[1].accepted_tokens, exact[0].accepted_tokens + exact[1].accepted_tokens);
  EXPECT_EQ(other.run({prompts[1]}, config)[0].token_ids, mixed[1].token_ids);
}

TEST(DraftModel, IsMixedInOnlyWhereThatIsAllowed) {
  const auto refused = [](Rig& rig, const GenerationConfig& config) -> std::string {
    try {
      static_cast<void>(rig.run({test::some_prompt(5)}, config));
    } catch (const OptionError& error) {
      return error.what();
    }
    return "";
  };
  Rig alone, drafting({.draft = test::FakeOptions{}});
  const GenerationConfig config{.assistant_ensemble_weight = 0.5, .lossy = true};
  EXPECT_NE(refused(alone, config).find("needs a draft model"), std::string::npos);
  EXPECT_NE(refused(drafting, {.assistant_ensemble_weight = 0.5}).find("set lossy"), std::string::npos);
  EXPECT_NE(refused(drafting, {.assistant_ensemble_weight = 1.0, .lossy = true}).find("(0, 1)"), std::string::npos);
}

TEST(DraftModel, MayHaveAnotherTokenizer) {
  const text::Tokenizer tokenizer = test::small_tokenizer(), other = test::small_tokenizer();
  const test::FakeOptions model{.memory = 2};
  std::int64_t accepted = 0;
  for (GenerationConfig config : drawn_configs()) {
    const std::vector<Prompt> prompts{test::some_prompt(40, 1), test::some_prompt(30)};
    const auto plain = Rig({.model = model, .tokenizer = &tokenizer}).run(prompts, config);
    config.assistant_confidence_threshold = 0;
    const auto sped =
        Rig({.model = model, .tokenizer = &tokenizer, .draft = model, .draft_tokenizer = &other}).run(prompts, config);
    expect_same_text(plain, sped);
    for (const Completion& c : sped) accepted += c.accepted_tokens;
  }
  EXPECT_GT(accepted, 0);
}

TEST(Drafts, RunBesideAllOtherCalls) {
  GenerationConfig config = drawn_configs()[2];
  const auto alone = Rig().run({test::some_prompt(33)}, config);
  Rig rig({.threads = 2, .engine = {.prefill_chunk = 7}, .draft = test::FakeOptions{.memory = 2}});
  const auto beams = rig.submit({test::some_prompt(50, 4)}, {.max_new_tokens = 30, .num_beams = 3});
  const auto together = rig.submit({test::some_prompt(20, 1), test::some_prompt(33)}, config)->wait();
  static_cast<void>(beams->wait());
  expect_same_text(alone, {together.begin() + 3, together.end()});
}

}  // namespace
}  // namespace skald
