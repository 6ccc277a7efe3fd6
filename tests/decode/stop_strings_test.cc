#include "decode/stop_strings.h"

#include <gtest/gtest.h>

#include <random>

#include "decode/text_stream.h"
#include "json/value.h"
#include "support/thread_seconds.h"
#include "text/tokenizer.h"

namespace skald::decode {
namespace {

struct Cut {
  std::string text;
  std::string found;
  friend bool operator==(const Cut&, const Cut&) = default;
};

// By definition: the match that ends first, the longest of those.
Cut reference(const std::string& text, const std::vector<std::string>& stops, bool keep) {
  for (std::size_t end = 1; end <= text.size(); ++end) {
    std::string longest;
    for (const std::string& stop : stops) {
      if (stop.size() <= end && stop.size() > longest.size() &&
          text.compare(end - stop.size(), stop.size(), stop) == 0) {
        longest = stop;
      }
    }
    if (!longest.empty()) return {text.substr(0, keep ? end : end - longest.size()), longest};
  }
  return {text, {}};
}

TEST(StopStrings, FoundHoweverTheTextIsSplit) {
  std::mt19937 rng(1);
  const auto word = [&](std::size_t n) {
    std::string out;
    for (std::size_t i = 0; i < n; ++i) out += static_cast<char>('a' + rng() % 2);
    return out;
  };
  for (int round = 0; round < 3000; ++round) {
    std::vector<std::string> stops;
    for (auto n = 1 + rng() % 4; n > 0; --n) stops.push_back(word(1 + rng() % 6));
    const std::string text = word(rng() % 30);
    const bool keep = rng() % 2 == 0;
    const Cut expected = reference(text, stops, keep);
    StopMatcher matcher(std::make_shared<StopStrings>(stops), keep);
    std::string out;
    bool stopped = false;
    for (std::size_t i = 0; i < text.size() && !stopped;) {
      const std::size_t n = std::min<std::size_t>(1 + rng() % 4, text.size() - i);
      stopped = matcher.push(std::string_view(text).substr(i, n), out);
      // Nothing is let out that the whole text does not begin with.
      ASSERT_EQ(out, expected.text.substr(0, out.size()));
      i += n;
    }
    if (!stopped) matcher.finish(out);
    ASSERT_EQ((Cut{out, matcher.found()}), expected) << text;
  }
}

TEST(StopStrings, HoldsBackOnlyWhatMayBecomeOne) {
  StopMatcher matcher(std::make_shared<StopStrings>(std::vector<std::string>{"END", "\n\n"}), false);
  std::string out;
  EXPECT_FALSE(matcher.push("the EN", out));
  EXPECT_EQ(out, "the ");
  EXPECT_FALSE(matcher.push("E", out));
  EXPECT_EQ(out, "the EN");
  EXPECT_FALSE(matcher.push("N\n", out));
  EXPECT_EQ(out, "the ENEN");
  EXPECT_FALSE(matcher.push("x", out));
  EXPECT_EQ(out, "the ENEN\nx");
  EXPECT_TRUE(matcher.push("abENDmore", out));
  EXPECT_EQ(out, "the ENEN\nxab");
  EXPECT_EQ(matcher.found(), "END");
}

TEST(StopStrings, SixtyFourLongOnesCostLittle) {
  std::vector<std::string> stops;
  for (int i = 0; i < 64; ++i)
    stops.push_back(std::string(1000 + static_cast<std::size_t>(i) % 24, 'a') + std::to_string(i));
  StopMatcher matcher(std::make_shared<StopStrings>(stops), false);
  std::string out;
  const std::string piece(1000, 'a');  // the worst: always deep in all of them
  const double seconds = skald::test::thread_seconds([&] {
    for (int i = 0; i < 2000; ++i) ASSERT_FALSE(matcher.push(piece, out));
  });
  EXPECT_LT(seconds, 2.0);  // two million bytes; about 20 ms without sanitizers
  matcher.finish(out);
  EXPECT_EQ(out.size(), 2000000U);
}

// Tokens: letters, the two bytes of an e acute alone, words, one special token.
text::Tokenizer small_tokenizer() {
  return text::Tokenizer::from_json(json::parse(R"({
    "added_tokens": [{"id": 8, "content": "<end>", "single_word": false, "lstrip": false, "rstrip": false,
                      "normalized": false, "special": true}],
    "normalizer": null,
    "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
    "post_processor": null,
    "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
    "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
              "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
              "vocab": {"a": 0, "s": 1, "t": 2, "st": 3, "op": 4, "opera": 5, "Ã": 6, "©": 7}, "merges": []}
    })",
                                                "tokenizer.json"),
                                    "tokenizer.json");
}

TEST(TextStream, StopsAcrossTokensAndCharacters) {
  const text::Tokenizer tokenizer = small_tokenizer();
  const auto run = [&](const std::vector<std::string>& stops, const std::vector<TokenId>& ids, bool keep) {
    TextStream stream(&tokenizer, std::make_shared<StopStrings>(stops), keep);
    std::string out;
    for (const TokenId id : ids) {
      if (stream.push(id, out)) return Cut{out, stream.stop_text()};
    }
    (void)stream.finish(out);
    return Cut{out, stream.stop_text()};
  };
  EXPECT_EQ(run({"stop"}, {0, 3, 5}, false), (Cut{"a", "stop"}));  // "st" + "opera"
  EXPECT_EQ(run({"stop"}, {0, 3, 5}, true), (Cut{"astop", "stop"}));
  EXPECT_EQ(run({"é"}, {0, 6, 7, 0}, false), (Cut{"a", "é"}));                  // one character, two tokens
  EXPECT_EQ(run({"\xEF\xBF\xBD"}, {0, 6}, false), (Cut{"a", "\xEF\xBF\xBD"}));  // only known at the end
  EXPECT_EQ(run({"stoq"}, {3, 4}, false), (Cut{"stop", ""}));
  EXPECT_EQ(run({"x"}, {0, 8, 0}, false), (Cut{"aa", ""}));
}

}  // namespace
}  // namespace skald::decode
