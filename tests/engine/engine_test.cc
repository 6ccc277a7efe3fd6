#include "engine/engine.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <future>
#include <set>
#include <stdexcept>
#include <thread>

#include "engine/rig.h"
#include "skald/error.h"
#include "support/expect_error.h"

namespace skald {
namespace {

using test::expect_error;
using test::Rig;
using test::RigOptions;
using test::some_prompt;

constexpr std::int64_t kTokens = 40;

GenerationConfig sampling(std::uint64_t seed, std::int64_t n = 1) {
  return {.max_new_tokens = kTokens,
          .temperature = 0.8,
          .top_k = 20,
          .repetition_penalty = 1.1,
          .seed = seed,
          .num_return_sequences = n,
          .logprobs = 3};
}

void expect_same(const Completion& a, const Completion& b) {
  EXPECT_EQ(a.token_ids, b.token_ids);
  EXPECT_EQ(a.text, b.text);
  EXPECT_EQ(a.finish_reason, b.finish_reason);
  ASSERT_EQ(a.logprobs.size(), b.logprobs.size());
  for (std::size_t i = 0; i < a.logprobs.size(); ++i) {
    EXPECT_EQ(a.logprobs[i].logprob, b.logprobs[i].logprob);  // bit for bit
    EXPECT_EQ(a.logprobs[i].top, b.logprobs[i].top);
  }
}

TEST(Engine, GreedyTakesTheLikeliestTokenEachStep) {
  Rig rig;
  const auto completions = rig.run({some_prompt(50)}, {.max_new_tokens = kTokens, .do_sample = false, .logprobs = 2});
  ASSERT_EQ(completions.size(), 1U);
  const Completion& completion = completions[0];
  EXPECT_EQ(completion.token_ids.size(), 40U);
  EXPECT_EQ(completion.finish_reason, FinishReason::length);
  EXPECT_EQ(completion.prompt_tokens, 50);
  EXPECT_GT(std::set<TokenId>(completion.token_ids.begin(), completion.token_ids.end()).size(), 12U);
  for (std::size_t i = 0; i < completion.logprobs.size(); ++i) {
    EXPECT_EQ(completion.logprobs[i].top[0].first, completion.token_ids[i]);
    EXPECT_GE(completion.logprobs[i].top[0].second, completion.logprobs[i].top[1].second);
  }
}

// P2: the same request gives the same answer alone and in company, in any chunks, with any number of threads, streamed
// or not, and as one of n or alone.
TEST(Engine, SameRequestSameAnswer) {
  Rig alone;
  std::vector<Completion> expected;
  std::vector<Prompt> prompts;
  for (int i = 0; i < 16; ++i) {
    prompts.emplace_back(some_prompt(1 + 37 * i, i));
    expected.push_back(alone.run({prompts.back()}, sampling(5))[0]);
  }
  for (const std::int64_t chunk : {1, 7, 512}) {
    for (const int threads : {1, 2}) {
      for (const bool streamed : {false, true}) {
        SCOPED_TRACE(testing::Message() << "chunk " << chunk << ", threads " << threads << ", streamed " << streamed);
        Rig rig({.threads = threads, .engine = {.prefill_chunk = chunk}});
        const auto together =
            rig.submit(prompts, sampling(5), streamed ? [](const StreamEvent&) {} : StreamCallback{})->wait();
        ASSERT_EQ(together.size(), expected.size());
        for (std::size_t i = 0; i < together.size(); ++i) expect_same(together[i], expected[i]);
      }
    }
  }
}

TEST(Engine, CompletionsOfOnePrefillEqualThoseOfOthers) {
  Rig rig;
  const auto eight = rig.run({some_prompt(75)}, sampling(9, 8));
  ASSERT_EQ(eight.size(), 8U);
  std::set<std::vector<TokenId>> different;
  for (const Completion& completion : eight) different.insert(completion.token_ids);
  EXPECT_EQ(different.size(), 8U);
  expect_same(eight[0], rig.run({some_prompt(75)}, sampling(9))[0]);  // completion 0 is the one of n = 1
  const auto three = Rig({.threads = 2, .engine = {.prefill_chunk = 16}}).run({some_prompt(75)}, sampling(9, 3));
  for (std::size_t i = 0; i < 3; ++i) expect_same(three[i], eight[i]);
}

TEST(Engine, MoreRowsThanOneTileOfLogits) {
  Rig rig;
  const auto many = rig.run({some_prompt(33)}, sampling(2, 128));
  ASSERT_EQ(many.size(), 128U);
  const auto few = rig.run({some_prompt(33)}, sampling(2, 2));
  expect_same(many[0], few[0]);
  expect_same(many[1], few[1]);
}

TEST(Engine, SeedsAreFreshUnlessGiven) {
  Rig rig;
  GenerationConfig config = sampling(0);
  config.seed.reset();
  const auto a = rig.run({some_prompt(9), some_prompt(9)}, config);
  EXPECT_NE(a[0].seed, a[1].seed);
  EXPECT_NE(a[0].token_ids, a[1].token_ids);
  config.seed = a[0].seed;
  EXPECT_EQ(rig.run({some_prompt(9)}, config)[0].token_ids, a[0].token_ids);
}

TEST(Engine, LockstepGivesTheSameTokens) {
  Rig rig({.engine = {.prefill_chunk = 8}});
  const std::vector<Prompt> prompts = {some_prompt(3, 1), some_prompt(60, 2), some_prompt(20, 3)};
  const auto free_running = rig.run(prompts, sampling(4));
  const auto lockstep = rig.submit(prompts, sampling(4), {}, /*lockstep=*/true)->wait();
  for (std::size_t i = 0; i < prompts.size(); ++i) expect_same(lockstep[i], free_running[i]);
}

TEST(Engine, StreamedPiecesAreTheCompletion) {
  Rig rig;
  std::vector<std::vector<TokenId>> streamed(4);
  int finished = 0;
  const auto group = rig.submit({some_prompt(5), some_prompt(6)}, sampling(3, 2), [&](const StreamEvent& event) {
    auto& tokens = streamed[static_cast<std::size_t>(event.prompt_index * 2 + event.index)];
    tokens.insert(tokens.end(), event.token_ids.begin(), event.token_ids.end());
    if (event.finished != nullptr) {
      ++finished;
      EXPECT_EQ(event.finished->token_ids, tokens);
    }
  });
  const auto completions = group->wait();
  EXPECT_EQ(finished, 4);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(completions[i].token_ids, streamed[i]);
}

TEST(Engine, EosEndsACompletionAndBelongsToIt) {
  Rig rig;
  const auto reference = rig.run({some_prompt(30)}, {.max_new_tokens = 30, .do_sample = false})[0].token_ids;
  const TokenId eos = reference[10];
  const auto first = std::find(reference.begin(), reference.end(), eos) - reference.begin();
  GenerationConfig config{.max_new_tokens = 30, .eos_token_id = {{95, eos}}, .do_sample = false};
  auto completion = rig.run({some_prompt(30)}, config)[0];
  EXPECT_EQ(completion.finish_reason, FinishReason::stop);
  EXPECT_EQ(completion.token_ids, std::vector<TokenId>(reference.begin(), reference.begin() + first + 1));
  config.min_new_tokens = 25;
  completion = rig.run({some_prompt(30)}, config)[0];
  EXPECT_GE(completion.token_ids.size(), 25U);
  for (int i = 0; i < 25; ++i) EXPECT_NE(completion.token_ids[static_cast<std::size_t>(i)], eos);
}

TEST(Engine, CancelKeepsWhatThereIs) {
  std::promise<void> begun;
  std::atomic<int> passes = 0;
  Rig rig({.model = {.before_pass = [&] {
             if (++passes == 5) begun.set_value();
             if (passes > 5) std::this_thread::sleep_for(std::chrono::milliseconds(1));
           }}});
  const auto group = rig.submit({some_prompt(5)}, {.max_new_tokens = 100000, .do_sample = false});
  begun.get_future().wait();
  EXPECT_FALSE(group->wait_for(std::chrono::milliseconds(1)));
  group->cancel();
  const auto completion = group->wait()[0];
  EXPECT_EQ(completion.finish_reason, FinishReason::cancelled);
  EXPECT_GE(completion.token_ids.size(), 3U);
  EXPECT_EQ(rig.run({some_prompt(5)}, {.max_new_tokens = 3, .do_sample = false})[0].token_ids,
            std::vector<TokenId>(completion.token_ids.begin(), completion.token_ids.begin() + 3));
}

TEST(Engine, CancelledPassCommitsNothing) {
  // The first pass of the long prompt is cancelled from within; a call that runs beside it is not touched.
  std::shared_ptr<engine::Group> group;
  std::promise<void> ready;
  auto go = ready.get_future().share();
  std::atomic<bool> once = false;
  Rig rig({.model = {.before_pass = [&] {
             go.wait();
             if (!once.exchange(true)) group->cancel();
           }}});
  group = rig.submit({some_prompt(300)}, {.max_new_tokens = 10, .do_sample = false});
  ready.set_value();
  const auto cancelled = group->wait()[0];
  EXPECT_EQ(cancelled.finish_reason, FinishReason::cancelled);
  EXPECT_TRUE(cancelled.token_ids.empty());
  EXPECT_EQ(rig.run({some_prompt(300)}, {.max_new_tokens = 10, .do_sample = false})[0].token_ids,
            Rig().run({some_prompt(300)}, {.max_new_tokens = 10, .do_sample = false})[0].token_ids);
}

TEST(Engine, DroppedEngineEndsItsCalls) {
  std::shared_ptr<engine::Group> group;
  {
    Rig rig({.model = {.before_pass = [] { std::this_thread::sleep_for(std::chrono::milliseconds(1)); }}});
    group = rig.submit({some_prompt(5)}, {.max_new_tokens = 100000, .do_sample = false});
  }
  EXPECT_EQ(group->wait()[0].finish_reason, FinishReason::cancelled);
}

TEST(Engine, AnExceptionInACallbackEndsThatCallOnly) {
  Rig rig;
  const auto expected = rig.run({some_prompt(20, 1)}, sampling(1));
  int calls = 0;
  const auto bad = rig.submit({some_prompt(10)}, sampling(1), [&](const StreamEvent&) {
    if (++calls == 3) throw std::out_of_range("mine");
  });
  const auto good = rig.submit({some_prompt(20, 1)}, sampling(1), [](const StreamEvent&) {});
  EXPECT_THROW(bad->wait(), std::out_of_range);
  EXPECT_EQ(calls, 3);
  expect_same(good->wait()[0], expected[0]);
}

TEST(Engine, EnteringFromACallbackIsRefused) {
  Rig rig;
  const auto group = rig.submit({some_prompt(10)}, sampling(1),
                                [&](const StreamEvent&) { (void)rig.run({some_prompt(3)}, sampling(1)); });
  expect_error<UsageError>([&] { group->wait(); }, "entered from one of its own callbacks");
}

TEST(Engine, NonFiniteLogitsEndThatRequestOnly) {
  constexpr TokenId kPoison = 93;
  Rig rig({.model = {.poison = kPoison}});
  std::vector<TokenId> bad = some_prompt(20, 2);
  bad.push_back(kPoison);
  const std::vector<Prompt> prompts = {some_prompt(20, 1), bad, some_prompt(20, 3)};
  const auto first = Rig().run({prompts[0]}, sampling(1));
  const auto third = Rig().run({prompts[2]}, sampling(1));
  std::vector<Completion> finished(3);
  const auto group = rig.submit(prompts, sampling(1), [&](const StreamEvent& event) {
    if (event.finished != nullptr) finished[static_cast<std::size_t>(event.prompt_index)] = *event.finished;
  });
  expect_error<ModelError>([&] { group->wait(); }, "model produced non-finite logits at step 0");
  EXPECT_EQ(finished[1].finish_reason, FinishReason::error);
  expect_same(finished[0], first[0]);
  expect_same(finished[2], third[0]);
}

TEST(Engine, RequestsWaitForMemoryAndEndRight) {
  // Room for two of the requests at a time.
  const std::size_t block = 2 * 2 * 8 * 32 * sizeof(float);
  Rig rig({.budget_bytes = 20 * block});
  std::vector<Prompt> prompts;
  for (int i = 0; i < 9; ++i) prompts.emplace_back(some_prompt(150 + i, i));
  const auto together = rig.run(prompts, sampling(6));
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    expect_same(together[i], Rig().run({prompts[i]}, sampling(6))[0]);
  }
}

TEST(Engine, ARequestThatCanNeverFitIsRefusedAtOnce) {
  Rig rig({.budget_bytes = std::size_t{1} << 20});
  expect_error<LimitError>([&] { (void)rig.run({some_prompt(5)}, {.max_new_tokens = 10000000, .do_sample = false}); },
                           "can never fit");
  const GenerationConfig large{.max_new_tokens = 300, .seed = 1, .num_return_sequences = 128};
  expect_error<LimitError>([&] { (void)rig.run({some_prompt(5)}, large); }, "128 x 305 tokens");
  EXPECT_EQ(rig.run({some_prompt(5)}, {.max_new_tokens = 3, .do_sample = false})[0].token_ids.size(), 3U);
}

TEST(Engine, TheQueueIsBounded) {
  Rig rig({.model = {.before_pass = [] { std::this_thread::sleep_for(std::chrono::milliseconds(2)); }},
           .engine = {.max_waiting = 2, .max_sequences = 1}});
  std::vector<std::shared_ptr<engine::Group>> groups;
  expect_error<LimitError>(
      [&] {
        for (int i = 0; i < 10; ++i) groups.push_back(rig.submit({some_prompt(5)}, {.max_new_tokens = 200}));
      },
      "at most 2 may wait");
  EXPECT_GE(groups.size(), 2U);
  for (const auto& group : groups) group->cancel();
  for (const auto& group : groups) EXPECT_EQ(group->wait()[0].finish_reason, FinishReason::cancelled);
}

TEST(Engine, PromptsAreChecked) {
  Rig rig;
  const auto run = [&](Prompt prompt, GenerationConfig config) {
    return [&rig, prompt = std::move(prompt), config] { (void)rig.run({prompt}, config); };
  };
  using Ids = std::vector<TokenId>;
  expect_error<OptionError>(run(Ids{1, 2, 3, 96}, {}), "prompt 0[3] = 96: must be in [0, 96)");
  expect_error<OptionError>(run(Ids{1, -1}, {}), "prompt 0[1] = -1: must be in [0, 96)");
  expect_error<OptionError>(run(Ids{}, {}), "prompt 0: is empty, and the model has no BOS token");
  expect_error<OptionError>(run("text", {}), "has no tokenizer");
  expect_error<OptionError>(run(Ids{1}, {.stop_strings = {{"x"}}}), "need a tokenizer");
  expect_error<OptionError>(run(some_prompt(10), {.max_length = 10}), "max_length = 10: must be above");
  expect_error<OptionError>(run(Ids{1}, {.do_sample = false, .num_return_sequences = 2}), "num_return_sequences = 2");
  EXPECT_EQ(rig.run({Ids{}}, {.max_new_tokens = 4, .bos_token_id = 7, .do_sample = false})[0].token_ids,
            rig.run({Ids{7}}, {.max_new_tokens = 4, .do_sample = false})[0].token_ids);
  EXPECT_EQ(rig.run({some_prompt(10)}, {.max_length = 14, .do_sample = false})[0].token_ids.size(), 4U);
}

TEST(Engine, APositionTableEndsGeneration) {
  Rig rig({.model = {.max_positions = 20, .hard_limit = true}});
  const auto completion = rig.run({some_prompt(15)}, {.max_new_tokens = 50, .do_sample = false})[0];
  EXPECT_EQ(completion.token_ids.size(), 6U);
  EXPECT_EQ(completion.finish_reason, FinishReason::length);
  EXPECT_NE(completion.notice.find("last position, 20"), std::string::npos);
  expect_error<LimitError>([&] { (void)rig.run({some_prompt(21)}, {}); }, "longer than the model's 20 positions");
}

TEST(Engine, LongRopeComputesTheSequenceAgain) {
  // With the switch at 40, tokens from position 40 on see a history with the long factors from the start.
  Rig plain({.model = {.any_length = true}});
  Rig all_long({.model = {.long_rope_from = 1}});
  const auto before = plain.run({some_prompt(30)}, {.max_new_tokens = 40, .do_sample = false})[0].token_ids;
  for (const std::int64_t chunk : {3, 512}) {
    Rig rig({.model = {.long_rope_from = 40}, .engine = {.prefill_chunk = chunk}});
    const auto after = rig.run({some_prompt(30)}, {.max_new_tokens = 40, .do_sample = false})[0].token_ids;
    // Tokens 0..10 come from positions up to 39; the logits of position 40 come from a prompt of 41 tokens.
    EXPECT_TRUE(std::equal(before.begin(), before.begin() + 11, after.begin()));
    std::vector<TokenId> longer = some_prompt(30);
    longer.insert(longer.end(), after.begin(), after.begin() + 11);
    const auto restarted = all_long.run({longer}, {.max_new_tokens = 29, .do_sample = false})[0].token_ids;
    EXPECT_EQ(restarted, std::vector<TokenId>(after.begin() + 11, after.end()));
  }
}

TEST(Engine, ForkedProcessGetsAClearError) {
  Rig rig;
  (void)rig.run({some_prompt(5)}, sampling(1));
  const pid_t child = fork();
  if (child == 0) {
    int status = 1;
    try {
      (void)rig.run({some_prompt(5)}, sampling(1));
    } catch (const UsageError&) {
      status = 0;
    }
    _exit(status);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST(Engine, ManyCancelledCallsLeaveNothingBehind) {
  Rig rig({.threads = 2});
  const std::int64_t room = rig.engine().longest_that_fits(1, 1);
  for (int i = 0; i < 200; ++i) {
    const auto group = rig.submit({some_prompt(40, i), some_prompt(3, i)}, sampling(1, 3));
    if (i % 2 == 0) group->cancel();
    if (i % 3 == 0) (void)group->wait();
  }
  EXPECT_EQ(rig.engine().longest_that_fits(1, 1), room);
  expect_same(rig.run({some_prompt(40)}, sampling(1))[0], Rig().run({some_prompt(40)}, sampling(1))[0]);
}

}  // namespace
}  // namespace skald
