#include "decode/constraints/token_matcher.h"

#include <gtest/gtest.h>

#include <random>

#include "decode/constraints/banned_text.h"
#include "engine/small_tokenizer.h"

namespace skald::decode {
namespace {

using Outcome = TokenMatcher::Outcome;

std::vector<SoughtText> drawn_texts(std::mt19937& random, const text::TokenBytes& bytes) {
  std::vector<SoughtText> texts;
  for (auto n = 1 + random() % 5; n > 0; --n) {
    SoughtText sought{.text = {}, .finds = std::uint64_t{1} << random() % 4, .forbidden = random() % 4 == 0};
    for (auto tokens = 1 + random() % 3; tokens > 0; --tokens) {
      sought.text += bytes.of(static_cast<TokenId>(random() % 76));
    }
    texts.push_back(sought);
  }
  return texts;
}

// What the automaton says, said by searching the whole text anew.
TEST(TokenMatcher, AgreesWithASearchOfTheText) {
  const text::Tokenizer tokenizer = test::small_tokenizer();
  const text::TokenBytes& bytes = tokenizer.bytes();
  std::mt19937 random(3);
  for (int round = 0; round < 300; ++round) {
    const std::vector<SoughtText> texts = drawn_texts(random, bytes);
    const TokenMatcher matcher(bytes, texts, 96);
    std::string text;
    TokenMatcher::State state = matcher.start();
    for (int step = 0; step < 20; ++step) {
      // Mostly tokens that go on with something that is sought.
      const std::string& likely = texts[random() % texts.size()].text;
      TokenId token = static_cast<TokenId>(random() % 92);
      if (const auto some = bytes.starting_with(likely.substr(random() % likely.size(), 1)); !some.empty()) {
        token = some[random() % some.size()];
      }
      const std::string before = text;
      text += bytes.of(token);
      bool forbidden = false;
      std::uint64_t found = 0;
      for (const SoughtText& sought : texts) {
        for (std::size_t at = text.find(sought.text); at != std::string::npos; at = text.find(sought.text, at + 1)) {
          if (at + sought.text.size() <= before.size()) continue;
          found |= sought.finds;
          forbidden = forbidden || sought.forbidden;
        }
      }
      const Outcome outcome = matcher.walk(state, token);
      EXPECT_EQ(outcome.forbidden, forbidden);
      if (forbidden) {
        text = before;
        continue;
      }
      EXPECT_EQ(outcome.found, found) << text;
      state = outcome.state;
    }
  }
}

TEST(TokenMatcher, DeviationsAreAllThatDiffersFromTheRoot) {
  const text::Tokenizer tokenizer = test::small_tokenizer();
  const text::TokenBytes& bytes = tokenizer.bytes();
  std::mt19937 random(4);
  for (int round = 0; round < 200; ++round) {
    const TokenMatcher matcher(bytes, drawn_texts(random, bytes), 96);
    for (TokenMatcher::State state = 1; state < matcher.automaton().size(); ++state) {
      if (matcher.forbidden(state)) continue;
      std::vector<Outcome> outcomes(96);
      for (TokenId token = 0; token < 96; ++token) {
        const auto root = matcher.from_root()[static_cast<std::size_t>(token)];
        Outcome outcome = matcher.outcomes()[root];
        if (root == TokenMatcher::kStays) outcome.state = state;
        outcomes[static_cast<std::size_t>(token)] = outcome;
      }
      for (const auto& deviation : matcher.deviations(state)) {
        EXPECT_NE(outcomes[static_cast<std::size_t>(deviation.token)], deviation.outcome);
        outcomes[static_cast<std::size_t>(deviation.token)] = deviation.outcome;
      }
      for (TokenId token = 0; token < 96; ++token) {
        EXPECT_EQ(outcomes[static_cast<std::size_t>(token)], matcher.walk(state, token));
      }
    }
  }
}

TEST(BannedText, RewindsAndForks) {
  const text::Tokenizer tokenizer = test::small_tokenizer();
  const auto texts = std::make_shared<const BannedTexts>(tokenizer.bytes(), std::vector<std::string>{"stop"}, 96);
  BannedText processor(texts);
  const TokenId st = *tokenizer.token_to_id("st"), op = *tokenizer.token_to_id("op"),
                opera = *tokenizer.token_to_id("opera");
  const auto left = [&](BannedText& of) {
    std::vector<float> logits(96, 0.F);
    Candidates candidates(96);
    candidates.reset(logits);
    of.apply({}, candidates);
    return std::ranges::count(logits, 0.F);
  };
  EXPECT_EQ(left(processor), 96);
  processor.accept(st);
  EXPECT_EQ(left(processor), 94);  // neither "op" nor "opera"
  const auto fork = processor.clone();
  processor.accept(*tokenizer.token_to_id("o"));
  EXPECT_EQ(left(processor), 95);  // not "p"
  processor.rewind(2);
  EXPECT_EQ(left(processor), 96);
  EXPECT_EQ(left(dynamic_cast<BannedText&>(*fork)), 94);
  EXPECT_TRUE(texts->matcher().walk(texts->matcher().walk(0, st).state, op).forbidden);
  EXPECT_TRUE(texts->matcher().walk(texts->matcher().walk(0, st).state, opera).forbidden);
}

}  // namespace
}  // namespace skald::decode
