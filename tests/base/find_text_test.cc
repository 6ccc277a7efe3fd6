#include "base/find_text.h"

#include <gtest/gtest.h>

#include <random>

#include "support/thread_seconds.h"

namespace skald {
namespace {

TEST(FindText, FindsWhatFindFinds) {
  std::mt19937 random(1);
  for (int round = 0; round < 20000; ++round) {
    const auto draw = [&](std::size_t most) {
      std::string out;
      for (std::size_t n = random() % most; n > 0; --n) out += static_cast<char>('a' + random() % 2);
      return out;
    };
    const std::string text = draw(round % 2 == 0 ? 40 : 400) + draw(90);
    std::string wanted = draw(100);
    if (random() % 2 == 0 && !text.empty()) wanted = text.substr(random() % text.size(), random() % 100);
    if (random() % 4 == 0) wanted += std::string(random() % 40, 'a');
    const std::size_t from = random() % 50;
    ASSERT_EQ(find_text(text, wanted, from), text.find(wanted, from)) << text << " " << wanted << " " << from;
    ASSERT_EQ(find_last_text(text, wanted), text.rfind(wanted)) << text << " " << wanted;
  }
}

TEST(FindText, TakesLinearTime) {
  const std::string text(1U << 20, 'a'), behind = std::string(1U << 19, 'a') + "b",
                                         before = "b" + text.substr(1U << 19);
  const double seconds = test::thread_seconds([&] {
    EXPECT_EQ(find_text(text, behind), std::string::npos);
    EXPECT_EQ(find_last_text(text, before), std::string::npos);
  });
  EXPECT_LT(seconds, 1);  // 5 ms; 2^38 comparisons are a minute
}

}  // namespace
}  // namespace skald
