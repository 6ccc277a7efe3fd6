// The files beside tokenizer.json: what they add and which tokens get a role, as AutoTokenizer of transformers 5.23
// does (tests/parity/test_added_tokens.py asks it).
#include "text/roles.h"

#include <gtest/gtest.h>

#include "skald/error.h"
#include "support.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace skald::text {
namespace {

using Ids = std::vector<TokenId>;

struct Files {
  std::string config = "{}", map = {}, added = {};  // empty: not there
};

Tokenizer load_with(const Files& files,
                    const std::string& added_tokens = R"({"id":10,"content":"<z>","special":true})") {
  const skald::test::TempDir folder;
  static_cast<void>(folder.write(
      "tokenizer.json",
      R"({"model":{"type":"BPE","vocab":{"a":0,"b":1,"ab":2,"c":3,"<":4,">":5,"s":6,"/":7,"</s>":8,"x":9},)"
      R"("merges":["a b"]},"added_tokens":[)" +
          added_tokens + "]}"));
  const auto write = [&](const char* name, const std::string& text) {
    if (!text.empty()) static_cast<void>(folder.write(name, text));
  };
  write("tokenizer_config.json", files.config);
  write("special_tokens_map.json", files.map);
  write("added_tokens.json", files.added);
  return Tokenizer::load(folder.path().string());
}

std::string decoder(const std::string& entries, const std::string& more = "") {
  return R"({"added_tokens_decoder":{)" + entries + "}" + more + "}";
}

TEST(TokenSettings, MissingTokensAreAddedInTheOrderOfTheirIds) {
  const Tokenizer tokenizer =
      load_with({.config = decoder(R"("10":{"content":"<z>","special":true},"14":{"content":"<new>","special":true},)"
                                   R"("12":{"content":"c"},"13":{"content":"yy"})")});
  EXPECT_EQ(tokenizer.encode("ab<new>cyy<z>x").ids, (Ids{2, 12, 3, 11, 10, 9}));
  EXPECT_EQ(tokenizer.vocab_size(), 13U);
  EXPECT_EQ(tokenizer.id_limit(), 13);
  EXPECT_TRUE(tokenizer.is_special(12));
  EXPECT_FALSE(tokenizer.is_special(11));
  EXPECT_EQ(tokenizer.decode(Ids{2, 12, 3}, /*skip_special_tokens=*/true), tokenizer.decode(Ids{2, 3}));
}

TEST(TokenSettings, TheLaterDescriptionCountsAndSpecialStaysSpecial) {
  const std::string stripping = R"({"id":10,"content":"<z>","lstrip":true,"special":)";
  for (const bool before : {false, true}) {
    for (const bool after : {false, true}) {
      const auto word = [](bool value) { return std::string(value ? "true" : "false"); };
      const Tokenizer tokenizer =
          load_with({.config = decoder(R"("10":{"content":"<z>","rstrip":true,"special":)" + word(after) + "}")},
                    stripping + word(before) + "}");
      EXPECT_EQ(tokenizer.encode("a <z> b").offsets, (std::vector<ByteRange>{{0, 1}, {2, 6}, {6, 7}}));
      EXPECT_EQ(tokenizer.is_special(10), before || after);
    }
  }
}

TEST(TokenSettings, TokensOfTheVocabularyThatHaveARoleAreFoundInTheText) {
  const Tokenizer plain = load_with({});
  EXPECT_EQ(plain.encode("a</s>").ids, (Ids{0, 4, 7, 6, 5}));
  const Tokenizer tokenizer = load_with(
      {.config = R"({"eos_token":"</s>","bos_token":"<bos>","mask_token":"x","additional_special_tokens":["c"]})"});
  EXPECT_EQ(tokenizer.encode("a</s>").ids, (Ids{0, 8}));
  for (const TokenId id : {8, 9, 3}) EXPECT_TRUE(tokenizer.is_special(id)) << id;
  EXPECT_EQ(tokenizer.special_tokens().eos, 8);
  EXPECT_FALSE(tokenizer.special_tokens().bos.has_value());  // no token: the model has no row for it
  EXPECT_EQ(tokenizer.vocab_size(), 11U);
}

TEST(TokenSettings, OlderFilesCountWhereTheConfigurationListsNoTokens) {
  const std::string map = R"({"eos_token":{"content":"</s>","special":true},"pad_token":"<z>"})";
  const std::string added = R"({"<new>":13,"<q>":11})";
  const Tokenizer old = load_with({.config = R"({"eos_token":"c","bos_token":"a"})", .map = map, .added = added});
  EXPECT_EQ(old.special_tokens().bos, 0);
  EXPECT_EQ(old.special_tokens().eos, 8);
  EXPECT_EQ(old.special_tokens().pad, 10);
  EXPECT_EQ(old.encode("<q><new>").ids, (Ids{11, 12}));
  EXPECT_FALSE(old.is_special(12));
  const Tokenizer now = load_with({.config = decoder("", R"(,"eos_token":"c")"), .map = map, .added = added});
  EXPECT_EQ(now.special_tokens().eos, 3);
  EXPECT_FALSE(now.special_tokens().pad.has_value());
  EXPECT_EQ(now.vocab_size(), 11U);
}

TEST(TokenSettings, MalformedEntriesAreNamed) {
  const auto refuse = [](const std::string& entries, const std::string& part) {
    skald::test::expect_error<FormatError>([&] { static_cast<void>(load_with({.config = decoder(entries)})); }, part);
  };
  refuse(R"("x":{"content":"<new>"})", "added_tokens_decoder.x");
  refuse(R"("-1":{"content":"<new>"})", "must be an id");
  refuse(R"("16777216":{"content":"<new>"})", "must be an id");
  refuse(R"("99999999999":{"content":"<new>"})", "must be an id");
  refuse(R"("11":{"content":""})", "content");
  refuse(R"("11":"<new>")", "added_tokens_decoder.11");
  skald::test::expect_error<FormatError>([] { static_cast<void>(load_with({.added = R"({"<new>":-1})"})); },
                                         "added_tokens.json");
}

}  // namespace
}  // namespace skald::text
