// Options that are texts, with the tokenizer of the model that ships.
#include "decode/text_options.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "skald/error.h"

namespace skald::decode {
namespace {

class TextOptions : public testing::Test {
 protected:
  text::Tokenizer tokenizer_ = text::Tokenizer::load(std::string(SKALD_MODELS) + "/skald-tales");
};

TEST_F(TextOptions, BiasesFindEveryTokenThatIsTheText) {
  const auto biases = token_biases({{.text = "king", .bias = 2}, {.token = 7, .bias = -1}}, &tokenizer_);
  ASSERT_GE(biases.size(), 2U);
  EXPECT_EQ(biases.back(), (LogitBias{.token = 7, .bias = -1}));
  bool after_space = false;
  for (std::size_t i = 0; i + 1 < biases.size(); ++i) {
    const std::string word = tokenizer_.token_bytes(biases[i].token);
    EXPECT_TRUE(word == "king" || word == " king") << word;
    EXPECT_EQ(biases[i].bias, 2);
    after_space |= word == " king";
  }
  EXPECT_TRUE(after_space);
  for (const auto& bias : token_biases({{.text = " king", .bias = 1}}, &tokenizer_)) {
    EXPECT_EQ(tokenizer_.token_bytes(bias.token), " king");
  }
}

TEST_F(TextOptions, BiasesOfWhatIsNoTokenAreRefused) {
  EXPECT_THROW(token_biases({{.text = "king of the hill", .bias = 2}}, &tokenizer_), OptionError);
  EXPECT_THROW(token_biases({{.text = "king", .bias = 2}}, nullptr), OptionError);
  EXPECT_EQ(token_biases({{.token = 3, .bias = 2}}, nullptr).size(), 1U);
}

TEST_F(TextOptions, BreakersAreEveryWayToWriteTheText) {
  const auto breakers = dry_breakers({.dry_multiplier = 1, .dry_sequence_breakers = {{"\n", "king:"}}}, &tokenizer_);
  ASSERT_TRUE(breakers);
  EXPECT_TRUE(std::ranges::is_sorted(*breakers));
  bool across = false;
  for (const auto& breaker : *breakers) {
    std::string text;
    for (const TokenId token : breaker) text += tokenizer_.token_bytes(token);
    EXPECT_TRUE(text.find('\n') != std::string::npos || text.find("king:") != std::string::npos) << text;
    across |= breaker.size() > 1 && text == " king:";
  }
  EXPECT_TRUE(across);
  for (TokenId token = 0; token < tokenizer_.id_limit(); ++token) {
    if (tokenizer_.token_bytes(token).find('\n') == std::string::npos) continue;
    EXPECT_TRUE(std::ranges::binary_search(*breakers, std::vector<TokenId>{token})) << token;
  }
}

TEST_F(TextOptions, BreakersHaveADefault) {
  EXPECT_EQ(dry_breakers({}, &tokenizer_), nullptr);
  EXPECT_EQ(dry_breakers({.dry_multiplier = 1}, nullptr), nullptr);
  EXPECT_THROW(dry_breakers({.dry_multiplier = 1, .dry_sequence_breakers = {{"x"}}}, nullptr), OptionError);
  EXPECT_EQ(dry_breakers({.dry_multiplier = 1, .dry_sequence_breakers = std::vector<std::string>{}}, &tokenizer_),
            nullptr);
  EXPECT_GT(dry_breakers({.dry_multiplier = 1}, &tokenizer_)->size(), 4U);
}

}  // namespace
}  // namespace skald::decode
