// A caller's own code in the decoding loop.
#include <gtest/gtest.h>

#include <limits>
#include <stdexcept>
#include <vector>

#include "engine/rig.h"

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

TEST(Hooks, AnExceptionEndsTheirCallAlone) {
  Rig rig;
  const auto other = rig.submit({some_prompt(20)}, {.max_new_tokens = 200, .seed = 1});
  rig.set_hooks({.logits_processors = {[](const StepView&, std::span<float>) { throw std::runtime_error("mine"); }}});
  EXPECT_THROW(static_cast<void>(rig.run({some_prompt(10)}, {.max_new_tokens = 3})), std::runtime_error);
  EXPECT_EQ(other->wait()[0].token_ids.size(), 200);
}

}  // namespace
}  // namespace skald
