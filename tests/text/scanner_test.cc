// The hand-written scanners against their regex in the general engine.
#include <gtest/gtest.h>

#include "support.h"
#include "text/pattern.h"
#include "text/scanners/known.h"

namespace skald::text {
namespace {

std::vector<std::pair<std::size_t, std::size_t>> matches(const Pattern& pattern, std::string_view text) {
  std::vector<std::pair<std::size_t, std::size_t>> out;
  pattern.find(text, [&](std::size_t begin, std::size_t end) { out.emplace_back(begin, end); });
  return out;
}

class Scanner : public testing::TestWithParam<std::string_view> {};

TEST_P(Scanner, FindsWhatItsRegexFinds) {
  const auto scanner = make_scanner(GetParam());
  ASSERT_NE(scanner, nullptr);
  const auto regex = make_regex(std::string(GetParam()), "tokenizer.json", "pattern");
  std::mt19937 random(11);
  for (int round = 0; round < 20000; ++round) {
    const std::string text = test::random_text(random, 1 + random() % 24);
    ASSERT_EQ(matches(*scanner, text), matches(*regex, text)) << json::dump(text);
  }
}

TEST_P(Scanner, FindsWhatItsRegexFindsInNumbers) {
  const auto scanner = make_scanner(GetParam());
  const auto regex = make_regex(std::string(GetParam()), "tokenizer.json", "pattern");
  const std::vector<std::string> parts = {"1", "23", "456", "7890", "\u0661\u0662", "\u00bd",
                                          " ", "a",  "_",   ".",    "\u216b",       "\n"};
  std::mt19937 random(12);
  for (int round = 0; round < 5000; ++round) {
    std::string text;
    for (unsigned i = random() % 9; i > 0; --i) text += parts[random() % parts.size()];
    ASSERT_EQ(matches(*scanner, text), matches(*regex, text)) << json::dump(text);
  }
}

TEST_P(Scanner, FindsWhatItsRegexFindsInWhitespace) {
  const auto scanner = make_scanner(GetParam());
  const auto regex = make_regex(std::string(GetParam()), "tokenizer.json", "pattern");
  const std::vector<std::string> ends = {"", "\n", "\r", "a", ".", "1", "\u3000"};
  std::mt19937 random(13);
  for (int round = 0; round < 500; ++round) {
    std::string text;
    for (unsigned i = random() % 4; i > 0; --i) {
      text += std::string(random() % (2U << random() % 11), random() % 4 > 0 ? ' ' : '\t');
      text += ends[random() % ends.size()];
    }
    if (text.size() > 900) continue;  // too much work for some of the regexes
    ASSERT_EQ(matches(*scanner, text), matches(*regex, text)) << json::dump(text);
  }
}

TEST_P(Scanner, TakesLinearTime) {
  const auto scanner = make_scanner(GetParam());
  for (const char* unit : {"A", "a", " ", "\n", " \n", "_", "\u4e2d", "\u0301", "1", "1a", "'", "\u00aaA", " \u0301"}) {
    std::string text;
    while (text.size() < (1U << 21)) text += unit;
    text += "x";
    EXPECT_LT(test::thread_seconds([&] { static_cast<void>(matches(*scanner, text)); }), 2.0) << unit;
  }
}

INSTANTIATE_TEST_SUITE_P(Known, Scanner,
                         testing::Values(kGpt2Pattern, kGpt2ShortPattern, kLlama3Pattern, kQwen2Pattern, kO200kPattern,
                                         kTekkenPattern, kNumbers3Pattern, kDeepSeek3Pattern, kTrailingSpacesPattern,
                                         kJais2Pattern, kThousandsPattern, kNumberThousandsPattern,
                                         kBeforeThousandsPattern));

TEST(Scanner, LeavesOtherPatternsToTheRegexEngine) { EXPECT_EQ(make_scanner(R"(\p{L}+|\s)"), nullptr); }

}  // namespace
}  // namespace skald::text
