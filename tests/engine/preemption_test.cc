// Requests that lose their memory to older ones, again and again, end as if they had run alone: to the last bit.
#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <vector>

#include "engine/model_rig.h"
#include "engine/rig.h"
#include "engine/same_completions.h"

namespace skald {
namespace {

using test::expect_same_bits;
using test::ModelRig;
using test::ModelRigOptions;
using test::Rig;
using test::RigOptions;

std::size_t fake_blocks(std::size_t n) { return n * test::fake_block_bytes(); }

struct Case {
  const char* name;
  const char* json;
  RigOptions rig = {};
  friend std::ostream& operator<<(std::ostream& out, const Case& c) { return out << c.name; }
};

std::vector<TokenId> repeating(int n, int which) {
  std::vector<TokenId> ids;
  for (int i = 0; i < n; ++i) ids.push_back((i % 9) * 5 + which);
  return ids;
}

std::vector<Prompt> some_prompts() {
  std::vector<Prompt> prompts;
  for (const int n : {70, 20, 110, 33, 64, 41, 90, 15, 77, 55}) prompts.emplace_back(test::some_prompt(n, n));
  prompts.emplace_back(repeating(50, 1));
  return prompts;
}

class Preemption : public testing::TestWithParam<Case> {};

TEST_P(Preemption, ChangesNothing) {
  GenerationConfig config = GenerationConfig::from_json(GetParam().json);
  config.max_new_tokens = 90;
  config.seed = 3;
  const std::vector<Prompt> prompts = some_prompts();
  RigOptions options = GetParam().rig;
  config.prefix_cache = false;
  std::vector<Completion> expected;
  for (const Prompt& prompt : prompts) {
    for (const Completion& completion : Rig(options).run({prompt}, config)) expected.push_back(completion);
  }
  options.budget_bytes = test::least_budget(fake_blocks(1), [&](std::size_t bytes) {
    RigOptions tight = GetParam().rig;
    tight.budget_bytes = bytes;
    Rig rig(tight);
    for (const Prompt& prompt : prompts) rig.submit({prompt}, config)->cancel();
  });
  options.engine.growth = 1;
  options.budget_bytes += fake_blocks(2);
  std::int64_t preemptions = 0;
  for (const bool caches : {false, true}) {
    for (const std::int64_t chunk : {40, 512}) {
      SCOPED_TRACE(testing::Message() << "cache " << caches << ", chunk " << chunk);
      config.prefix_cache = caches;
      options.engine.prefill_chunk = chunk;
      options.threads = chunk == 40 ? 2 : 1;
      Rig rig(options);
      const auto done = rig.run(prompts, config);
      ASSERT_EQ(done.size(), expected.size());
      for (std::size_t i = 0; i < done.size(); ++i) expect_same_bits(done[i], expected[i]);
      preemptions += rig.engine().statistics().preemptions;
    }
  }
  EXPECT_GE(preemptions, 8);
}

INSTANTIATE_TEST_SUITE_P(
    Strategies, Preemption,
    testing::Values(
        Case{"Greedy", R"({"do_sample": false, "logprobs": 2})"},
        Case{"Sampled", R"({"temperature": 0.8, "repetition_penalty": 1.1, "logprobs": 1})"},
        Case{"Several", R"({"temperature": 0.8, "num_return_sequences": 4, "logprobs": 1})"},
        Case{"Beams", R"({"num_beams": 4, "num_return_sequences": 2, "output_scores": true})"},
        Case{"SampledBeams", R"({"num_beams": 3, "do_sample": true})"},
        Case{"GroupBeams", R"({"num_beams": 4, "num_beam_groups": 2, "diversity_penalty": 0.5})"},
        Case{"Constrained", R"({"num_beams": 3, "force_words_ids": [[7, 8]]})"},
        Case{"Contrastive", R"({"penalty_alpha": 0.6, "top_k": 4})"},
        Case{"Dola", R"({"dola_layers": "low", "do_sample": false})"},
        Case{"States", R"({"do_sample": false, "output_hidden_states": true, "prompt_logprobs": 1})"},
        Case{"Guidance", R"({"guidance_scale": 1.5, "negative_prompt_ids": [1, 2, 3, 4, 5], "prompt_logprobs": 1})"},
        Case{"GuidedBeams", R"({"guidance_scale": 1.5, "num_beams": 3})"},
        Case{"Lookup", R"({"prompt_lookup_num_tokens": 4, "do_sample": false})", {.model = {.memory = 1}}},
        Case{"Draft",
             R"({"num_assistant_tokens": 4, "do_sample": false, "assistant_confidence_threshold": 0})",
             {.draft = test::FakeOptions{}}},
        Case{"DraftSampled",
             R"({"num_assistant_tokens": 5, "temperature": 0.5, "num_return_sequences": 2})",
             {.model = {.memory = 2}, .draft = test::FakeOptions{.memory = 1}}},
        Case{"EarlyExit", R"({"assistant_early_exit": 1, "assistant_confidence_threshold": 0, "do_sample": false})"},
        Case{"LongRope", R"({"do_sample": false, "logprobs": 0})", {.model = {.long_rope_from = 100}}},
        Case{"LongRopeBeams", R"({"num_beams": 3})", {.model = {.long_rope_from = 75}}},
        Case{"LongRopeLookup", R"({"prompt_lookup_num_tokens": 4})", {.model = {.long_rope_from = 75, .memory = 1}}}),
    [](const auto& info) { return info.param.name; });

TEST(PreemptionOfGroups, TakesAllRowsOfALockstepCall) {
  const std::vector<Prompt> prompts{test::some_prompt(60, 1), test::some_prompt(20, 2)};
  GenerationConfig config{.max_new_tokens = 90, .temperature = 0.8, .seed = 2, .logprobs = 1};
  const auto expected = Rig().submit(prompts, config, {}, /*lockstep=*/true)->wait();
  RigOptions options{.engine = {.growth = 1}};
  options.budget_bytes = test::least_budget(fake_blocks(1), [&](std::size_t bytes) {
    Rig({.budget_bytes = bytes}).submit(prompts, config, {}, /*lockstep=*/true)->cancel();
  });
  options.budget_bytes += fake_blocks(3);
  Rig rig(options);
  config.prefix_cache = false;
  std::vector<std::shared_ptr<engine::Group>> groups;
  for (int i = 0; i < 4; ++i) groups.push_back(rig.submit(prompts, config, {}, /*lockstep=*/true));
  for (const auto& group : groups) expect_same_bits(group->wait(), expected);
  EXPECT_GE(rig.engine().statistics().preemptions, 4);
}

TEST(PreemptionOfGroups, IsToldAndTheOldestIsNeverPreempted) {
  RigOptions options{.engine = {.growth = 1}, .budget_bytes = fake_blocks(9)};
  Rig rig(options);
  std::vector<std::shared_ptr<engine::Group>> groups;
  for (int i = 0; i < 4; ++i) {
    groups.push_back(rig.submit({test::some_prompt(60, i)}, {.max_new_tokens = 100, .do_sample = false}));
  }
  std::int64_t told = 0;
  for (const auto& group : groups) told += group->wait()[0].timings.preemptions;
  EXPECT_EQ(groups[0]->wait()[0].timings.preemptions, 0);
  EXPECT_EQ(told, rig.engine().statistics().preemptions);
  EXPECT_GT(told, 0);
}

// What waits again after a preemption can be cancelled.
TEST(PreemptionOfGroups, CancelledWhileItWaitsAgain) {
  Rig rig({.engine = {.growth = 1}, .budget_bytes = fake_blocks(9)});
  std::vector<std::shared_ptr<engine::Group>> groups;
  for (int i = 0; i < 6; ++i) {
    groups.push_back(rig.submit({test::some_prompt(60, i)}, {.max_new_tokens = 100, .do_sample = false}));
  }
  for (int i = 1; i < 6; i += 2) groups[static_cast<std::size_t>(i)]->cancel();
  for (std::size_t i = 0; i < 6; ++i) {
    const Completion done = groups[i]->wait()[0];
    if (i % 2 == 0) {
      EXPECT_EQ(done.token_ids.size(), 100U);
    }
  }
  EXPECT_EQ(rig.run({test::some_prompt(60)}, {.max_new_tokens = 5, .do_sample = false})[0].token_ids,
            Rig().run({test::some_prompt(60)}, {.max_new_tokens = 5, .do_sample = false})[0].token_ids);
}

const std::string kFolder = SKALD_TEST_DATA "/models/";

struct Real {
  const char* model;
  const char* json;
  const char* draft = nullptr;
  int kv_bits = 0;
  friend std::ostream& operator<<(std::ostream& out, const Real& c) { return out << c.model << " " << c.json; }
};

class PreemptionOf : public testing::TestWithParam<Real> {};

TEST_P(PreemptionOf, ChangesNothing) {
  GenerationConfig config = GenerationConfig::from_json(GetParam().json);
  config.max_new_tokens = 60;
  config.eos_token_id.emplace();
  config.seed = 11;
  config.logprobs = 1;
  config.prefix_cache = false;
  ModelRigOptions options{.model = kFolder + GetParam().model, .kv_bits = GetParam().kv_bits};
  if (GetParam().draft != nullptr) options.draft = kFolder + GetParam().draft;
  ModelRig roomy(options);
  std::vector<Prompt> prompts;
  std::vector<Completion> expected;
  for (const int n : {60, 9, 40, 25, 33, 50}) {
    std::vector<TokenId> ids;
    for (int i = 0; i < n; ++i)
      ids.push_back((i * 7 + n * 13 + i * i % 11) % static_cast<int>(roomy.shape().vocab_size));
    prompts.emplace_back(std::move(ids));
    for (const Completion& completion : roomy.run({prompts.back()}, config)) expected.push_back(completion);
  }
  options.budget_bytes = test::least_budget(4096, [&](std::size_t bytes) {
    ModelRigOptions tight = options;
    tight.budget_bytes = bytes;
    ModelRig rig(tight);
    for (const Prompt& prompt : prompts) rig.submit({prompt}, config)->cancel();
  });
  options.engine.growth = 1;
  options.engine.prefill_chunk = 48;
  for (const double room : {1.2, 1.6}) {
    options.budget_bytes = static_cast<std::size_t>(room * static_cast<double>(options.budget_bytes));
    ModelRig rig(options);
    config.prefix_cache = room > 1.5;
    expect_same_bits(rig.run(prompts, config), expected);
    EXPECT_GE(rig.statistics().preemptions, room < 1.5 ? 1 : 0);
  }
}

// Recurrent state does not grow: it is the draft's memory that ends here, and both are computed again.
TEST(PreemptionOfRecurrent, ChangesNothing) {
  for (const char* const name : {"mamba2_groups_biases", "mamba2_tied_limits_bf16"}) {
    SCOPED_TRACE(name);
    ModelRigOptions options{.model = kFolder + name, .draft = kFolder + "llama_tied_llama3"};
    const GenerationConfig config{.max_new_tokens = 150,
                                  .eos_token_id = std::vector<TokenId>{},
                                  .temperature = 0.7,
                                  .seed = 4,
                                  .assistant_confidence_threshold = 0,
                                  .logprobs = 1,
                                  .prefix_cache = false};
    ModelRig roomy(options);
    std::vector<Prompt> prompts;
    std::vector<Completion> expected;
    for (const int n : {40, 9, 20, 33}) {
      prompts.emplace_back(test::some_prompt(n, n));
      for (const Completion& completion : roomy.run({prompts.back()}, config)) expected.push_back(completion);
    }
    options.draft_budget_bytes = test::least_budget(4096, [&](std::size_t bytes) {
      ModelRigOptions tight = options;
      tight.draft_budget_bytes = bytes;
      ModelRig rig(tight);
      for (const Prompt& prompt : prompts) rig.submit({prompt}, config)->cancel();
    });
    options.engine.growth = 1;
    ModelRig rig(options);
    expect_same_bits(rig.run(prompts, config), expected);
    EXPECT_GE(rig.statistics().preemptions, 1);
  }
}

INSTANTIATE_TEST_SUITE_P(Models, PreemptionOf,
                         testing::Values(Real{"llama_tied_llama3", R"({"do_sample": false})"},
                                         Real{"llama_longrope", R"({"num_beams": 3})"},
                                         Real{"llama_tied_llama3", R"({"num_beams": 3})", nullptr, 8},
                                         Real{"deepseek_v3_yarn_groups", R"({"temperature": 0.8})", nullptr, 8},
                                         Real{"bart_tied", R"({"num_beams": 2})", nullptr, 8},
                                         Real{"llama_dynamic_bf16", R"({"temperature": 0.8})"},
                                         Real{"gemma2_by_turns", R"({"num_beams": 2})"},
                                         Real{"gpt_oss_plain_bf16", R"({"temperature": 0.9})"},
                                         Real{"deepseek_v3_yarn_groups", R"({"do_sample": false})"},
                                         Real{"t5_plain_scaled", R"({"temperature": 0.8, "num_return_sequences": 3})"},
                                         Real{"t5_plain_scaled", R"({"num_beams": 3})"},
                                         Real{"bart_tied", R"({"do_sample": false})", "t5_plain_scaled"},
                                         Real{"bart_tied", R"({"penalty_alpha": 0.6, "top_k": 3})"}),
                         [](const auto& info) {
                           return std::string(info.param.model) + "_" + std::to_string(info.index);
                         });

}  // namespace
}  // namespace skald
