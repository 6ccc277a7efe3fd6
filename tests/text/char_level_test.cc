// FundamentaLLM's tokenizers: one token a character, special tokens only by their ids.
#include <gtest/gtest.h>

#include "skald/error.h"
#include "support.h"
#include "support/expect_error.h"

namespace skald::text {
namespace {

using skald::test::expect_error;
using test::parse;
using Ids = std::vector<TokenId>;

constexpr const char* kTokenizer = R"({"min_frequency": 1, "char_to_id": {"<PAD>": 0, "<UNK>": 1, "<BOS>": 2,
  "<EOS>": 3, "\n": 4, " ": 5, "<": 6, ">": 7, "E": 8, "O": 9, "S": 10, "a": 11, "é": 12, "日": 13},
  "special_tokens": ["<PAD>", "<UNK>", "<BOS>", "<EOS>"]})";

TEST(CharLevel, OneTokenACharacter) {
  const Tokenizer tokenizer = parse(kTokenizer);
  EXPECT_EQ(tokenizer.encode("a é日\n").ids, (Ids{11, 5, 12, 13, 4}));
  EXPECT_EQ(tokenizer.encode("").ids, Ids{});
  EXPECT_EQ(tokenizer.decode(Ids{11, 5, 12, 13, 4}), "a é日\n");
  EXPECT_EQ(tokenizer.vocab_size(), 14U);
}

TEST(CharLevel, UnknownCharactersAreOneTokenEachAndShown) {
  const Tokenizer tokenizer = parse(kTokenizer);
  EXPECT_EQ(tokenizer.encode("axyé\xff").ids, (Ids{11, 1, 1, 12, 1}));
  EXPECT_EQ(tokenizer.decode(Ids{11, 1, 12}, /*skip_special_tokens=*/true), "a<UNK>é");
}

TEST(CharLevel, SpecialTokensAreNotReadFromText) {
  const Tokenizer tokenizer = parse(kTokenizer);
  EXPECT_EQ(tokenizer.encode("<EOS>").ids, (Ids{6, 8, 9, 10, 7}));
  EXPECT_EQ(tokenizer.decode(Ids{2, 11, 0, 3}, /*skip_special_tokens=*/true), "a");
  EXPECT_TRUE(tokenizer.is_special(3));
  EXPECT_FALSE(tokenizer.is_special(1));
}

TEST(CharLevel, MalformedOnesAreRefused) {
  const auto refuses = [](const std::string& text, const std::string& named) {
    expect_error<FormatError>([&] { static_cast<void>(parse(text)); }, named);
  };
  refuses(R"({"char_to_id": 5})", "char_to_id");
  refuses(R"({"char_to_id": {"ab": 4}})", "char_to_id.ab");
  refuses(R"({"char_to_id": {"": 4}})", "one character");
  refuses(R"({"char_to_id": {"a": "4"}})", "a");
  refuses(R"({"char_to_id": {"a": -1}})", "a");
  refuses(R"({"char_to_id": {"a": 4, "b": 4}})", "4");
  refuses(R"({"char_to_id": {"a": 4}, "special_tokens": "<PAD>"})", "special_tokens");
  refuses(R"({"char_to_id": {"a": 4}, "special_tokens": [4]})", "special_tokens");
}

}  // namespace
}  // namespace skald::text
