// Who is in which step: counted in passes, not in seconds.
#include <gtest/gtest.h>

#include <algorithm>
#include <future>
#include <map>
#include <vector>

#include "engine/rig.h"
#include "engine/same_completions.h"

namespace skald {
namespace {

using test::FakeOptions;
using test::Rig;
using test::RigOptions;
using test::some_prompt;

GenerationConfig greedy(std::int64_t n) { return {.max_new_tokens = n, .do_sample = false, .prefix_cache = false}; }

// Passes of a rig, held back until everything is submitted.
class Passes {
 public:
  explicit Passes(std::int64_t chunk) : options_{.engine = {.prefill_chunk = chunk}} {
    options_.model.on_rows = [this](std::span<const nn::Row> rows) {
      begin_.wait();
      most_rows_ = std::max(most_rows_, rows.size());
      ++n_;
    };
    rig_.emplace(options_);
  }
  // The passes that have begun when token number `i` (from 0) of each completion is told.
  std::shared_ptr<engine::Group> submit(int prompt_tokens, std::int64_t new_tokens, std::vector<int>& told) {
    return rig_->submit({some_prompt(prompt_tokens, prompt_tokens)}, greedy(new_tokens),
                        [&](const StreamEvent& event) { told.insert(told.end(), event.token_ids.size(), n_); });
  }
  void begin() { go_.set_value(); }
  [[nodiscard]] std::size_t most_rows() const { return most_rows_; }

 private:
  std::promise<void> go_;
  std::shared_future<void> begin_ = go_.get_future().share();
  std::size_t most_rows_ = 0;
  int n_ = 0;
  RigOptions options_;
  std::optional<Rig> rig_;
};

TEST(Scheduling, ALongPromptStallsNobody) {
  Passes passes(64);
  std::vector<int> running[3], long_one, short_one;
  std::vector<std::shared_ptr<engine::Group>> groups;
  for (auto& told : running) groups.push_back(passes.submit(5, 60, told));
  groups.push_back(passes.submit(2000, 4, long_one));
  groups.push_back(passes.submit(20, 4, short_one));
  passes.begin();
  for (const auto& group : groups) static_cast<void>(group->wait());
  for (const auto& told : running) {
    ASSERT_EQ(told.size(), 60U);
    for (std::size_t i = 1; i < told.size(); ++i) EXPECT_EQ(told[i], told[i - 1] + 1) << "a token in every pass";
  }
  EXPECT_LE(short_one[0], 4) << "a short prompt does not wait for a long one";
  // The long one has at least half of what the others leave: 2000 / 61 to 2000 / 30 passes.
  EXPECT_GE(long_one[0], 32);
  EXPECT_LE(long_one[0], 40);
  EXPECT_LE(passes.most_rows(), 64U) << "those that go on count too";
}

TEST(Scheduling, DraftsAreInEveryPassToo) {
  std::promise<void> go;
  const auto begin = go.get_future().share();
  RigOptions options{.model = {.memory = 1, .on_rows = [&](std::span<const nn::Row>) { begin.wait(); }},
                     .engine = {.prefill_chunk = 32}};
  Rig rig(options);
  std::vector<TokenId> repeats;
  for (int i = 0; i < 20; ++i) repeats.push_back(i % 5);
  GenerationConfig drafted = greedy(40);
  drafted.prompt_lookup_num_tokens = 4;
  int before = -1;
  std::int64_t at_end = 0;
  const auto running = rig.submit({repeats}, drafted, [&](const StreamEvent& event) {
    if (event.finished != nullptr) at_end = rig.engine().statistics().passes;
    before = event.finished != nullptr ? static_cast<int>(event.finished->model_passes) : before;
  });
  const auto long_one = rig.submit({some_prompt(3000)}, greedy(2));
  go.set_value();
  static_cast<void>(running->wait());
  static_cast<void>(long_one->wait());
  EXPECT_LE(at_end, before + 2) << "each pass has taken it on";
}

}  // namespace
}  // namespace skald
