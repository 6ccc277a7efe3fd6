// Prompts in JSON and text as JSON strings.
#include "skald/text.h"

#include <gtest/gtest.h>

#include "skald/error.h"

namespace skald {
namespace {

TEST(JsonQuote, EscapesWhatJsonAsksFor) {
  EXPECT_EQ(json_quote("a\"b\\c\n\x01"), R"("a\"b\\c\n\u0001")");
  EXPECT_EQ(json_quote("Ünï ✨"), "\"Ünï ✨\"");
  EXPECT_EQ(json_quote(std::string_view("\0", 1)), R"("\u0000")");
}

TEST(JsonQuote, ReplacesBytesThatAreNotUtf8) { EXPECT_EQ(json_quote("a\xff\xc3"), "\"a\xef\xbf\xbd\xef\xbf\xbd\""); }

TEST(JsonPrompt, ReadsTextIdsAndObjects) {
  EXPECT_EQ(std::get<std::string>(json_prompt(R"("a\n")", "f")), "a\n");
  EXPECT_EQ(std::get<std::vector<TokenId>>(json_prompt("[1, 2]", "f")), (std::vector<TokenId>{1, 2}));
  EXPECT_EQ(std::get<std::string>(json_prompt(R"({"prompt": "x"})", "f")), "x");
  EXPECT_EQ(std::get<std::vector<TokenId>>(json_prompt(R"({"prompt": []})", "f")), (std::vector<TokenId>{}));
}

TEST(JsonPrompt, RefusesEverythingElse) {
  for (const char* text : {"7", "null", "{}", R"({"text": "x"})", "[1.0]", "[-1]", "[2147483648]", R"(["a"])", "[true]",
                           R"("a)", R"({"prompt": {"prompt": "x"}})", R"("a" "b")"}) {
    EXPECT_THROW(json_prompt(text, "f"), FormatError) << text;
  }
}

TEST(JsonMembers, KeepsOrderAndValues) {
  const std::vector<JsonMember> members = json_members(R"({"b": [1, 2.5], "a": "x\n", "c": {"d": null}})", "f");
  ASSERT_EQ(members.size(), 3U);
  EXPECT_EQ(members[0].key + members[1].key + members[2].key, "bac");
  EXPECT_EQ(members[0].value, "[1,2.5]");
  EXPECT_EQ(members[1].value, R"("x\n")");
  EXPECT_EQ(members[2].value, R"({"d":null})");
  EXPECT_TRUE(json_members("{}", "f").empty());
  for (const char* text : {"[1]", "7", R"({"a": 1, "a": 2})", R"({"a": )"}) {
    EXPECT_THROW(json_members(text, "f"), FormatError) << text;
  }
}

TEST(FindInvalidUtf8, GivesTheFirstWrongByte) {
  EXPECT_EQ(find_invalid_utf8("abc"), 3U);
  EXPECT_EQ(find_invalid_utf8("ab\xff"), 2U);
  EXPECT_EQ(find_invalid_utf8("\xed\xa0\x80"), 0U);
}

}  // namespace
}  // namespace skald
