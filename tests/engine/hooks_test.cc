// A caller's own code in the decoding loop.
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <vector>

#include "engine/rig.h"
#include "skald/error.h"
#include "support/expect_error.h"

namespace skald {
namespace {

using test::Rig;
using test::some_prompt;

TEST(Hooks, ChangeTheLogitsOfEachCompletion) {
  Rig rig;
  rig.set_hooks({.logits_processors = {[](const StepView& view, std::span<float> logits) {
                   // Each completion has a token of its own, then that number plus what was generated.
                   const auto n = static_cast<std::size_t>(std::ssize(view.token_ids) - view.prompt_length);
                   logits[static_cast<std::size_t>(view.prompt_index * 40 + view.index * 10) + n] += 1000;
                 }}});
  const auto done = rig.run({some_prompt(10), some_prompt(12, 1)}, {.max_new_tokens = 3, .num_return_sequences = 2});
  ASSERT_EQ(done.size(), 4);
  for (const Completion& c : done) {
    const auto first = static_cast<TokenId>(c.prompt_index * 40 + c.index * 10);
    EXPECT_EQ(c.token_ids, (std::vector<TokenId>{first, first + 1, first + 2}));
  }
}

// Of beams and of single rows: the same as row by row, where the change is each row's own.
TEST(Hooks, OfAllRowsTogether) {
  const auto change = [](const StepView& view, std::span<float> logits) {
    logits[static_cast<std::size_t>(view.token_ids.back()) % 90] += 2;
    logits[static_cast<std::size_t>(3 * view.prompt_index + view.index)] += 1;
  };
  for (const std::int64_t beams : {1, 3}) {
    Rig rig, together({.threads = 2});
    GenerationConfig config{.max_new_tokens = 20, .repetition_penalty = 1.2, .seed = 4, .num_return_sequences = 2};
    config.num_beams = beams;
    config.do_sample = beams == 1;
    rig.set_hooks({.logits_processors = {change}});
    std::size_t most_rows = 0;
    together.set_hooks({.group_logits_processors = {[&](std::span<const StepView> rows, std::span<float> logits) {
                          most_rows = std::max(most_rows, rows.size());
                          ASSERT_EQ(logits.size(), rows.size() * 96);
                          for (std::size_t i = 0; i < rows.size(); ++i) change(rows[i], logits.subspan(96 * i, 96));
                        }}});
    const std::vector<Prompt> prompts{some_prompt(10), some_prompt(300, 1), some_prompt(5, 2)};
    const auto apart = rig.run(prompts, config), joined = together.run(prompts, config);
    for (std::size_t i = 0; i < apart.size(); ++i) EXPECT_EQ(apart[i].token_ids, joined[i].token_ids);
    EXPECT_EQ(most_rows, beams == 1 ? 6 : 9);
  }
}

TEST(Hooks, RowsMayAgree) {
  Rig rig;
  rig.set_hooks({.group_logits_processors = {[](std::span<const StepView> rows, std::span<float> logits) {
                   for (std::size_t t = 0; t < 96; ++t) {
                     float sum = 0;
                     for (std::size_t i = 0; i < rows.size(); ++i) sum += logits[96 * i + t];
                     for (std::size_t i = 0; i < rows.size(); ++i) logits[96 * i + t] = sum;
                   }
                 }}});
  const GenerationConfig config{.max_new_tokens = 20, .do_sample = false};
  const auto done = rig.run({some_prompt(10), some_prompt(30, 1), some_prompt(5, 2)}, config);
  EXPECT_EQ(done[0].token_ids, done[1].token_ids);
  EXPECT_EQ(done[0].token_ids, done[2].token_ids);
  rig.set_hooks({});
  EXPECT_NE(rig.run({some_prompt(10)}, config)[0].token_ids, done[0].token_ids);
}

TEST(Hooks, OfAllRowsNeedAllLogitsFirst) {
  Rig rig;
  rig.set_hooks({.group_logits_processors = {[](std::span<const StepView>, std::span<float>) {}}});
  EXPECT_THROW(static_cast<void>(rig.run({some_prompt(10)}, {.do_sample = false, .top_k = 4, .penalty_alpha = 0.6})),
               OptionError);
}

TEST(Hooks, StopACompletion) {
  Rig rig;
  rig.set_hooks({.stopping_criteria = {[](const StepView& view) {
                   return std::ssize(view.token_ids) - view.prompt_length >= 5 + view.prompt_index;
                 }}});
  const auto done = rig.run({some_prompt(10), some_prompt(12, 1)}, {.max_new_tokens = 30});
  EXPECT_EQ(done[0].token_ids.size(), 5);
  EXPECT_EQ(done[1].token_ids.size(), 6);
  EXPECT_EQ(done[0].finish_reason, FinishReason::stop);
}

TEST(Hooks, CannotWaitForTheEngine) {
  Rig rig;
  const auto again = [&rig](const StepView&) { return rig.run({some_prompt(3)}, {.max_new_tokens = 1}).empty(); };
  rig.set_hooks({.stopping_criteria = {again}});
  const std::string message = "entered from one of its own callbacks";
  test::expect_error<UsageError>([&] { (void)rig.run({some_prompt(5)}, {.max_new_tokens = 3}); }, message);
}

TEST(Hooks, AnExceptionEndsTheirCallAlone) {
  Rig rig;
  const auto other = rig.submit({some_prompt(20)}, {.max_new_tokens = 200, .seed = 1});
  rig.set_hooks({.logits_processors = {[](const StepView&, std::span<float>) { throw std::runtime_error("mine"); }}});
  EXPECT_THROW(static_cast<void>(rig.run({some_prompt(10)}, {.max_new_tokens = 3})), std::runtime_error);
  EXPECT_EQ(other->wait()[0].token_ids.size(), 200);
}

}  // namespace
}  // namespace skald
