#include "text/token_bytes.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "support.h"
#include "text/lossy_utf8.h"

namespace skald::text {
namespace {

class TokenBytesOf : public testing::TestWithParam<const char*> {};

// The bytes of tokens, one after the other, are the text that decode() gives.
TEST_P(TokenBytesOf, AddUpToTheDecodedText) {
  const Tokenizer tokenizer = test::load(GetParam());
  const TokenBytes& bytes = tokenizer.bytes();
  std::mt19937 random(7);
  for (int round = 0; round < 2000; ++round) {
    std::vector<TokenId> ids;
    std::string expected;
    bool started = false;
    for (auto n = 1 + random() % 8; n > 0; --n) {
      const auto id = static_cast<TokenId>(random() % static_cast<unsigned>(tokenizer.id_limit()));
      if (bytes.is_fallback(id) && bytes.of(id)[0] < 0) continue;  // a run of them may be no UTF-8
      ids.push_back(id);
      expected += started ? bytes.of(id) : bytes.first(id);
      started = started || !bytes.of(id).empty();
    }
    std::string text;
    LossyUtf8 utf8;
    utf8.push(expected, text);
    utf8.finish(text);
    EXPECT_EQ(tokenizer.decode(ids, /*skip_special_tokens=*/true), text);
  }
}

TEST_P(TokenBytesOf, AreFoundByTheirBeginning) {
  const Tokenizer tokenizer = test::load(GetParam());
  const TokenBytes& bytes = tokenizer.bytes();
  ASSERT_TRUE(std::ranges::is_sorted(bytes.sorted(), {}, [&](TokenId id) { return bytes.of(id); }));
  for (const char* prefix : {"", " ", "t", " th", "ing", "\xc3", "no token begins like this"}) {
    std::size_t expected = 0, equal = 0;
    for (TokenId id = 0; id < tokenizer.id_limit(); ++id) {
      const std::string_view of = bytes.of(id);
      if (!of.empty() && of.starts_with(prefix)) ++expected;
      if (!of.empty() && of == prefix) ++equal;
    }
    EXPECT_EQ(bytes.starting_with(prefix).size(), expected) << prefix;
    EXPECT_EQ(bytes.equal_to(prefix).size(), equal) << prefix;
    auto narrowed = bytes.sorted();
    for (std::size_t depth = 0; prefix[depth] != 0; ++depth) {
      narrowed = bytes.narrow(narrowed, depth, static_cast<unsigned char>(prefix[depth]));
    }
    EXPECT_EQ(narrowed.size(), expected);
  }
}

INSTANTIATE_TEST_SUITE_P(Tokenizers, TokenBytesOf, testing::Values("gpt2", "llama2", "llama3", "qwen2", "tekken"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace skald::text
