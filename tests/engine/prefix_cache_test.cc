// What earlier requests have computed is not computed again, and changes nothing.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "engine/model_rig.h"
#include "engine/rig.h"
#include "engine/same_completions.h"

namespace skald {
namespace {

using test::expect_same_bits;
using test::ModelRig;
using test::Rig;
using test::RigOptions;
using test::some_prompt;

// Where a prompt's length changes nothing, as with most models.
RigOptions plain() { return {.model = {.any_length = true}}; }

GenerationConfig greedy(std::int64_t n = 8) { return {.max_new_tokens = n, .do_sample = false, .logprobs = 1}; }

std::vector<TokenId> followed(std::vector<TokenId> ids, const std::vector<TokenId>& by) {
  ids.insert(ids.end(), by.begin(), by.end());
  return ids;
}

// Rows that `run` adds to a rig's.
template <typename Run>
std::int64_t rows_of(Rig& rig, Run run) {
  const std::int64_t before = rig.engine().statistics().rows;
  run();
  return rig.engine().statistics().rows - before;
}

TEST(PrefixCache, TheSecondRequestComputesTheTail) {
  Rig rig(plain());
  std::vector<Completion> first, second;
  EXPECT_EQ(rows_of(rig, [&] { first = rig.run({some_prompt(500)}, greedy()); }), 507);
  // 15 blocks of 32 are there; the other 20 tokens are not, nor are the 7 that follow.
  EXPECT_EQ(rows_of(rig, [&] { second = rig.run({some_prompt(500)}, greedy()); }), 27);
  expect_same_bits(second, first);
  EXPECT_EQ(first[0].timings.cached_prompt_tokens, 0);
  EXPECT_EQ(second[0].timings.cached_prompt_tokens, 480);
  EXPECT_EQ(rig.engine().statistics().cached_prompt_rows, 480);
  // The last row of a prompt is always computed, where it ends with a block too.
  EXPECT_EQ(rows_of(rig, [&] { rig.run({some_prompt(480)}, greedy(1)); }), 32);
}

TEST(PrefixCache, AConversationGoesOnFromItsLastTurn) {
  Rig rig(plain());
  const auto turn = rig.run({some_prompt(100)}, greedy(60));
  const std::vector<TokenId> next = followed(followed(some_prompt(100), turn[0].token_ids), some_prompt(10, 5));
  const auto expected = Rig(plain()).run({next}, greedy());
  const auto done = rig.run({next}, greedy());
  expect_same_bits(done, expected);
  EXPECT_EQ(done[0].timings.cached_prompt_tokens, 128);  // of 159 that were computed
}

TEST(PrefixCache, RequestsThatRunTogetherShareToo) {
  Rig rig(plain());
  std::vector<Prompt> prompts;
  std::vector<Completion> expected;
  for (int i = 0; i < 8; ++i) {
    prompts.emplace_back(followed(some_prompt(320), some_prompt(5, i)));
    expected.push_back(Rig(plain()).run({prompts.back()}, greedy())[0]);
  }
  std::vector<Completion> done;
  EXPECT_EQ(rows_of(rig, [&] { done = rig.run(prompts, greedy()); }), 320 + 8 * (5 + 7));
  expect_same_bits(done, expected);
}

TEST(PrefixCache, OffComputesEverything) {
  Rig rig(plain());
  GenerationConfig off = greedy();
  off.prefix_cache = false;
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(rows_of(rig, [&] { rig.run({some_prompt(500)}, off); }), 507);
  }
  EXPECT_EQ(rows_of(rig, [&] { rig.run({some_prompt(500)}, greedy()); }), 507) << "and leaves nothing";
  EXPECT_EQ(rows_of(rig, [&] { rig.run({some_prompt(500)}, off); }), 507) << "and takes nothing";
}

TEST(PrefixCache, SaltsKeepRequestsApart) {
  Rig rig(plain());
  GenerationConfig config = greedy();
  for (const char* const salt : {"", "a", "b"}) {
    config.cache_salt = salt;
    EXPECT_EQ(rows_of(rig, [&] { rig.run({some_prompt(500)}, config); }), 507);
  }
  for (const char* const salt : {"", "a", "b"}) {
    config.cache_salt = salt;
    EXPECT_EQ(rows_of(rig, [&] { rig.run({some_prompt(500)}, config); }), 27);
  }
}

TEST(PrefixCache, PromptsThatAreReportedRowByRowAreComputed) {
  Rig rig(plain());
  for (const char* const json : {R"({"prompt_logprobs": 2})", R"({"output_hidden_states": true})",
                                 R"({"penalty_alpha": 0.6, "top_k": 3, "do_sample": false})"}) {
    SCOPED_TRACE(json);
    GenerationConfig config = GenerationConfig::from_json(json);
    config.max_new_tokens = 4;
    config.seed = 1;
    const auto expected = Rig(plain()).run({some_prompt(500)}, config);
    expect_same_bits(rig.run({some_prompt(500)}, config), expected);
    const auto again = rig.run({some_prompt(500)}, config);
    expect_same_bits(again, expected);
    EXPECT_EQ(again[0].timings.cached_prompt_tokens, 0);
  }
}

// What stands in the pool depends on the length of the prompt: only where that is equal may it be shared.
TEST(PrefixCache, LengthDependentPositionsAreOfTheKey) {
  Rig rig;
  rig.run({some_prompt(500)}, greedy());
  EXPECT_EQ(rig.run({some_prompt(500)}, greedy())[0].timings.cached_prompt_tokens, 480);
  const std::vector<TokenId> longer = followed(some_prompt(500), some_prompt(5));
  const auto done = rig.run({longer}, greedy());
  EXPECT_EQ(done[0].timings.cached_prompt_tokens, 0);
  expect_same_bits(done, Rig().run({longer}, greedy()));
  // longrope: short ones among themselves, long ones among themselves.
  const RigOptions long_rope{.model = {.long_rope_from = 300}};
  Rig both(long_rope);
  for (const int n : {200, 280, 400, 450}) {
    const auto of_n = both.run({some_prompt(n)}, greedy(40));
    expect_same_bits(of_n, Rig(long_rope).run({some_prompt(n)}, greedy(40)));
    const std::int64_t expected = n == 280 ? 192 : n == 400 ? 256 : n == 450 ? 384 : 0;
    EXPECT_EQ(of_n[0].timings.cached_prompt_tokens, expected) << n;
  }
}

TEST(PrefixCache, EveryStrategyReadsWhatOthersLeft) {
  Rig warm(plain());
  const std::vector<Prompt> prompts{some_prompt(200), some_prompt(210), followed(some_prompt(100), some_prompt(90, 3))};
  warm.run(prompts, greedy(30));
  for (const char* const json :
       {R"({"temperature": 0.8})", R"({"temperature": 0.8, "num_return_sequences": 3})", R"({"num_beams": 4})",
        R"({"num_beams": 4, "num_beam_groups": 2, "diversity_penalty": 0.5})",
        R"({"prompt_lookup_num_tokens": 4, "do_sample": false})", R"({"dola_layers": "low", "do_sample": false})",
        R"({"guidance_scale": 1.5})", R"({"assistant_early_exit": 1})"}) {
    SCOPED_TRACE(json);
    GenerationConfig config = GenerationConfig::from_json(json);
    config.max_new_tokens = 30;
    config.seed = 5;
    config.logprobs = 2;
    const auto done = warm.run(prompts, config);
    config.prefix_cache = false;
    expect_same_bits(done, Rig(plain()).run(prompts, config));
    for (const Completion& completion : done) EXPECT_GE(completion.timings.cached_prompt_tokens, 96);
  }
}

TEST(PrefixCache, GivesWayBeforeAnyRequestWaits) {
  const std::size_t block = test::fake_block_bytes();
  RigOptions options = plain();
  options.budget_bytes = 64 * block;
  Rig rig(options);
  for (int i = 0; i < 12; ++i) rig.run({some_prompt(200, i)}, greedy());
  EXPECT_GT(rig.engine().statistics().kept_sequences, 0);
  EXPECT_LE(rig.engine().statistics().state_bytes, 16 * block);
  std::vector<Prompt> prompts;
  for (int i = 0; i < 6; ++i) prompts.emplace_back(some_prompt(300, 20 + i));
  const auto done = rig.run(prompts, greedy());
  for (std::size_t i = 0; i < prompts.size(); ++i)
    expect_same_bits(done[i], Rig(plain()).run({prompts[i]}, greedy())[0]);
  EXPECT_EQ(rig.engine().statistics().preemptions, 0);
}

TEST(PrefixCache, TheLeastRecentlyUsedGoesFirst) {
  const std::size_t block = test::fake_block_bytes();
  RigOptions options = plain();
  options.budget_bytes = 64 * block;  // a quarter of it keeps two of these
  Rig rig(options);
  const auto cached = [&](int which) {
    return rig.run({some_prompt(200, which)}, greedy())[0].timings.cached_prompt_tokens;
  };
  for (const int which : {1, 2, 1, 3}) static_cast<void>(cached(which));
  EXPECT_EQ(cached(1), 192);
  EXPECT_EQ(cached(3), 192);
  EXPECT_EQ(cached(2), 0);
}

// Of layers that forget, what is still there: of windows the last positions, of recurrent layers the end.
TEST(PrefixCache, LayersThatForget) {
  const std::string folder = SKALD_TEST_DATA "/models/";
  for (const char* const name : {"mamba2_groups_biases", "gemma2_by_turns", "mistral_window", "llama_longrope",
                                 "gpt_oss_plain_bf16", "deepseek_v3_yarn_groups", "llama_dynamic_bf16"}) {
    SCOPED_TRACE(name);
    ModelRig rig({.model = folder + name, .kv_bits = std::string(name).starts_with("mistral") ? 8 : 0});
    GenerationConfig config = greedy(40);
    config.eos_token_id.emplace();
    std::vector<TokenId> ids;
    for (int i = 0; i < 70; ++i) ids.push_back((i * 7 + i * i % 11) % static_cast<int>(rig.shape().vocab_size));
    for (int turn = 0; turn < 4; ++turn) {
      config.prefix_cache = true;
      const auto done = rig.run({ids}, config);
      if (std::string(name).starts_with("mamba2") && turn > 1) {
        EXPECT_EQ(done[0].timings.cached_prompt_tokens, std::ssize(ids) - 4);
      }
      config.prefix_cache = false;
      expect_same_bits(done, rig.run({ids}, config));
      if (turn > 0) ids = followed(ids, done[0].token_ids);
      if (turn > 0) ids = followed(ids, {1, 2, 3});
    }
  }
}

TEST(PrefixCache, AdaptersHaveTheirOwn) {
  // Conditions are compared as requests have them.
  engine::Conditions a{.adapter = 1, .adapter_scale = 1}, b = a;
  EXPECT_TRUE(may_share(a, b, 0));
  b.adapter_scale = 0.5F;
  EXPECT_FALSE(may_share(a, b, 0));
  EXPECT_TRUE(may_share(a, b, 1)) << "companions have no adapters";
  b.adapter = a.adapter = 0;
  EXPECT_TRUE(may_share(a, b, 0));
  const auto controls = [](float x) {
    return std::make_shared<const nn::ControlVectors>(nn::ControlVectors{.after_layer = {{}, {x, 1}}});
  };
  a.controls = controls(1);
  EXPECT_FALSE(may_share(a, b, 0));
  b.controls = controls(1);
  EXPECT_TRUE(may_share(a, b, 0));
  b.controls = controls(2);
  EXPECT_FALSE(may_share(a, b, 0));
  b = a;
  b.salt = "x";
  EXPECT_FALSE(may_share(a, b, 1));
  b = a;
  b.shares = false;
  EXPECT_FALSE(may_share(a, b, 0));
}

}  // namespace
}  // namespace skald
