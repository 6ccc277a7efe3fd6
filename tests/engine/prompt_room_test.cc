#include "engine/prompt_room.h"

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

namespace skald::engine {
namespace {

std::vector<std::int64_t> granted(const std::vector<std::int64_t>& needed, std::int64_t room) {
  std::vector<PromptShare> shares;
  for (const std::int64_t n : needed) shares.push_back({.needed = n});
  share_room(shares, room);
  std::vector<std::int64_t> rows;
  for (const PromptShare& share : shares) rows.push_back(share.granted);
  return rows;
}

using Rows = std::vector<std::int64_t>;

TEST(PromptRoom, OnePromptHasItAll) {
  EXPECT_EQ(granted({1000}, 512), Rows{512});
  EXPECT_EQ(granted({100}, 512), Rows{100});
  EXPECT_EQ(granted({}, 512), Rows{});
}

TEST(PromptRoom, HalfIsTheOldestsAndTheRestGoesToTheShortest) {
  EXPECT_EQ(granted({5000, 300, 40}, 512), (Rows{256, 216, 40}));
  EXPECT_EQ(granted({5000, 30, 40}, 512), (Rows{442, 30, 40}));
  EXPECT_EQ(granted({512, 512, 512}, 512), (Rows{512, 0, 0}));
  EXPECT_EQ(granted({9, 9}, 1), (Rows{1, 0}));
}

TEST(PromptRoom, NothingIsLeftWhileSomethingIsNeeded) {
  for (const std::int64_t room : {1, 7, 100, 1000}) {
    const Rows rows = granted({90, 300, 5, 64, 64}, room);
    EXPECT_EQ(std::accumulate(rows.begin(), rows.end(), std::int64_t{0}), std::min<std::int64_t>(room, 523));
  }
}

}  // namespace
}  // namespace skald::engine
