// Beams and contrastive search in the engine: one answer alone, beside others, in chunks and streamed.
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <thread>

#include "engine/rig.h"

namespace skald {
namespace {

using test::Rig;
using test::RigOptions;
using test::some_prompt;

GenerationConfig beams(bool samples) {
  return {.max_new_tokens = 20,
          .eos_token_id = std::vector<TokenId>{3, 17, 41},
          .do_sample = samples,
          .no_repeat_ngram_size = 3,
          .seed = 5,
          .num_beams = 4,
          .num_return_sequences = 3};
}

GenerationConfig contrastive() {
  return {.max_new_tokens = 20, .do_sample = false, .top_k = 5, .repetition_penalty = 1.2, .penalty_alpha = 0.6};
}

std::vector<GenerationConfig> strategies() { return {beams(false), beams(true), contrastive()}; }

void expect_same(const Completion& a, const Completion& b) {
  EXPECT_EQ(a.token_ids, b.token_ids);
  EXPECT_EQ(a.score, b.score);
  EXPECT_EQ(a.finish_reason, b.finish_reason);
}

TEST(Strategies, GiveOneAnswerWhateverElseRuns) {
  for (const GenerationConfig& config : strategies()) {
    const auto alone = Rig().run({some_prompt(40)}, config);
    for (const std::int64_t chunk : {1, 7, 512}) {
      Rig rig({.threads = 2, .engine = {.prefill_chunk = chunk}});
      const auto drawn = rig.submit({some_prompt(9, 2), some_prompt(70, 3)}, {.max_new_tokens = 30, .seed = 1});
      const auto group = rig.submit({some_prompt(33, 1), some_prompt(40)}, config);
      const auto together = group->wait();
      static_cast<void>(drawn->wait());
      ASSERT_EQ(together.size(), 2 * alone.size());
      for (std::size_t i = 0; i < alone.size(); ++i) expect_same(alone[i], together[alone.size() + i]);
    }
  }
}

TEST(Strategies, WhatIsStreamedIsWhatIsReturned) {
  for (const GenerationConfig& config : strategies()) {
    Rig rig;
    std::map<std::int64_t, std::vector<TokenId>> streamed;
    std::map<std::int64_t, int> ends;
    const auto found = rig.submit({some_prompt(40)}, config,
                                  [&](const StreamEvent& event) {
                                    auto& tokens = streamed[event.index];
                                    tokens.insert(tokens.end(), event.token_ids.begin(), event.token_ids.end());
                                    ends[event.index] += event.finished != nullptr ? 1 : 0;
                                  })
                           ->wait();
    for (const Completion& completion : found) {
      EXPECT_EQ(streamed[completion.index], completion.token_ids);
      EXPECT_EQ(ends[completion.index], 1);
    }
  }
}

TEST(Strategies, BeamsComeBestFirstAndDiffer) {
  const auto found = Rig().run({some_prompt(40)}, beams(false));
  ASSERT_EQ(found.size(), 3U);
  for (std::size_t i = 1; i < found.size(); ++i) {
    EXPECT_GE(*found[i - 1].score, *found[i].score);
    EXPECT_NE(found[i - 1].token_ids, found[i].token_ids);
  }
}

TEST(Strategies, ContrastiveSearchTakesNoTokenThatIsRuledOut) {
  GenerationConfig config = contrastive();
  config.penalty_alpha = 0.9;
  config.forced_eos_token_id = std::vector<TokenId>{7};
  for (int which = 0; which < 8; ++which) {
    EXPECT_EQ(Rig().run({some_prompt(30, which)}, config)[0].token_ids.back(), 7);
  }
}

TEST(Strategies, ACancelledSearchKeepsItsBest) {
  for (const GenerationConfig& config : strategies()) {
    GenerationConfig endless = config;
    endless.max_new_tokens = 100000;
    endless.eos_token_id.reset();
    Rig rig({.budget_bytes = std::size_t{1} << 30});
    engine::Group* running = nullptr;
    std::atomic<bool> ready = false;
    int events = 0;
    const auto group = rig.submit({some_prompt(20)}, endless, [&](const StreamEvent&) {
      while (!ready) std::this_thread::yield();
      if (++events == 5) running->cancel();
    });
    running = group.get();
    ready = true;
    for (const Completion& completion : group->wait()) {
      EXPECT_EQ(completion.finish_reason, FinishReason::cancelled);
      EXPECT_FALSE(completion.token_ids.empty());
    }
  }
}

}  // namespace
}  // namespace skald
