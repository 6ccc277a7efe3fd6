// What a thread does while it waits, and that what it throws ends the call.
#include "skald/waiting.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <thread>

#include "skald/embed.h"
#include "skald/session.h"

namespace skald {
namespace {

struct Enough : std::runtime_error {
  using std::runtime_error::runtime_error;
};

const Model& shipped() {
  static const Model model = Model::load(SKALD_MODELS "/skald-tales", {.bits = 32});
  return model;
}

std::int64_t rows_settled() {
  std::int64_t before = -1;
  while (before != shipped().statistics().rows) {
    before = shipped().statistics().rows;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  return before;
}

void expect_ends(const std::function<void()>& work) {
  int ticks = 0;
  const Waiting waiting([&] {
    if (++ticks == 2) throw Enough("twice");
  });
  EXPECT_THROW(work(), Enough);
  EXPECT_EQ(ticks, 2);
}

TEST(Waiting, EndsWhateverIsWaitedFor) {
  const GenerationConfig longer{.max_new_tokens = 900, .min_new_tokens = 900};
  expect_ends([&] { (void)shipped().generate("Once", longer); });
  expect_ends([&] { Session(shipped(), "Once", longer).generate(Session::kRoot, 900); });
  const std::vector<TokenId> text(1000, 5);
  expect_ends([&] { (void)shipped().score(std::vector<ScoreInput>(50, {.text = text})); });
  expect_ends([&] { (void)embed(shipped(), std::vector<Prompt>(50, text)); });
  const std::int64_t rows = rows_settled();
  EXPECT_LT(rows, 4000 + 50 * 2000) << "what was ended went on";
  EXPECT_EQ(shipped().generate("Once", {.max_new_tokens = 3})[0].token_ids.size(), 3U);
}

TEST(Waiting, TheInnermostCountsOfItsThreadOnly) {
  EXPECT_EQ(Waiting::current(), nullptr);
  {
    const Waiting outer([] {});
    const Waiting::Tick* const of_outer = Waiting::current();
    {
      const Waiting inner([] {});
      EXPECT_NE(Waiting::current(), of_outer);
    }
    EXPECT_EQ(Waiting::current(), of_outer);
    std::thread([] { EXPECT_EQ(Waiting::current(), nullptr); }).join();
  }
  EXPECT_EQ(Waiting::current(), nullptr);
}

}  // namespace
}  // namespace skald
