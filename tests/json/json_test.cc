#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

#include "json/fields.h"
#include "json/value.h"
#include "skald/error.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"
#include "support/thread_seconds.h"

namespace skald::json {
namespace {

using test::expect_error;

Value parsed(std::string_view text) { return parse(text, "f.json"); }

void refuse(std::string_view text, std::string_view part) {
  expect_error<FormatError>([&] { parsed(text); }, part);
}

TEST(Json, ReadsEveryKindOfValue) {
  const Value v =
      parsed(R"( {"n": null, "b": true, "i": -7, "d": 1.5, "s": "a\u00e9\ud83d\ude00\n", "a": [1, []], "o": {}} )");
  EXPECT_EQ(dump(v), "{\"n\":null,\"b\":true,\"i\":-7,\"d\":1.5,\"s\":\"aé😀\\n\",\"a\":[1,[]],\"o\":{}}");
  EXPECT_TRUE(v.find("n")->is_null());
  EXPECT_TRUE(v.find("b")->as_bool());
  EXPECT_EQ(v.find("i")->as_integer(), -7);
  EXPECT_EQ(v.find("i")->as_number(), -7.0);
  EXPECT_FALSE(v.find("d")->is_integer());
  EXPECT_EQ(v.find("missing"), nullptr);
  EXPECT_EQ(v.find("i")->find("x"), nullptr);
  EXPECT_EQ(parsed("\"top\"").as_string(), "top");
}

TEST(Json, KeepsIntegersExactAndTellsThemFromDoubles) {
  EXPECT_EQ(parsed("9223372036854775807").as_integer(), std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(parsed("-9223372036854775808").as_integer(), std::numeric_limits<std::int64_t>::min());
  for (const char* text : {"9223372036854775808", "18446744073709551616", "-9223372036854775809", "4096.0", "1e3"}) {
    EXPECT_FALSE(parsed(text).is_integer()) << text;
    EXPECT_TRUE(parsed(text).is_number()) << text;
  }
  for (const double d : {0.1, 1e-320, 1.7976931348623157e308, -2.0, 1e16}) {
    EXPECT_EQ(parsed(dump(Value(d))).as_number(), d);
    EXPECT_FALSE(parsed(dump(Value(d))).is_integer());
  }
  EXPECT_EQ(dump(Value(std::nan(""))), "null");
}

TEST(Json, DumpIsAlwaysValidUtf8) {
  EXPECT_EQ(dump(Value(std::string("a\xff\"\\\x01\x7f\0b", 8))), "\"a\xef\xbf\xbd\\\"\\\\\\u0001\x7f\\u0000b\"");
}

TEST(Json, RefusesWhatIsNoJsonAndSaysWhere) {
  refuse("", "f.json: line 1 column 1: the text is empty");
  refuse("{", "the text ends here, before the value is complete (incomplete file?)");
  refuse("{\"a\": [1,\n 2", "f.json: line 2 column 3: the text ends here");
  refuse("\"abc", "missing closing quote");
  refuse("{\"a\":1,\n \"b\" 2}", "f.json: line 2 column 6: unexpected number literal; expected ':' near '");
  refuse("[1] x", "line 1 column 5");
  refuse("{} {}", "expected end of input");
  for (const char* text : {"[1,]", "{\"a\":1,}", "{a:1}", "{'a':1}", "01", "+1", "1.", ".5", "truE", "// c\n1", "]"}) {
    refuse(text, "f.json: line 1 column ");
  }
}

TEST(Json, RefusesNumbersOutsideJsonAndDouble) {
  for (const char* text : {"NaN", "[Infinity]", "-Infinity", "nan"}) refuse(text, "invalid");
  refuse("[1e999]", "line 1 column 6: the number is out of range near '[1e999]'");
  refuse("-1e999", "out of range");
}

TEST(Json, TakesPythonsInfinityWhereAsked) {
  const std::string text = R"({"Infinity": [-Infinity, Infinity, 1], "a": "say \"Infinity\""})";
  const Value value = parse(text, "f.json", kConfigLimits);
  const Array& numbers = value.find("Infinity")->as_array();
  EXPECT_EQ(numbers[0].as_number(), -1.7e308);
  EXPECT_EQ(numbers[1].as_number(), 1.7e308);
  EXPECT_EQ(value.find("a")->as_string(), "say \"Infinity\"");
  for (const char* bad : {"NaN", "[Infinity1]", "infinity", "Infinit", "-Inf"}) {
    EXPECT_THROW(parse(bad, "f.json", kConfigLimits), FormatError) << bad;
  }
}

TEST(Json, RefusesBadStringsAndEncodings) {
  refuse(R"("\ud800")", "must be followed by U+DC00..U+DFFF");
  refuse(R"("\ud800\u0041")", "must be followed by U+DC00..U+DFFF");
  refuse(R"("\udc00")", "must follow U+D800..U+DBFF");
  refuse(R"("\q")", "forbidden character after backslash");
  refuse("\"a\nb\"", "control character");
  refuse("\xef\xbb\xbf{}", "byte-order mark");
  refuse(std::string_view("\xff\xfe{\0}\0", 6), "is UTF-16");
  refuse(std::string_view("{\0}\0", 4), "is UTF-16");
  refuse(std::string_view("[1]\0 garbage", 12), "line 1 column 4: a NUL byte is no JSON");
  refuse("[1,\n\"\xed\xa0\x80\"]", "line 2 column 2: is no UTF-8: '\\xed\\xa0\\x80\"'");
}

TEST(Json, RefusesDuplicateKeysAtTheirPlace) {
  refuse("{\"a\": 1,\n \"b\": 2, \"a\": 3}", "line 2 column 10: duplicate key 'a'");
  refuse(R"({"x": {"": 1, "": 2}})", "duplicate key ''");
  refuse(R"({"a": 1, "\u0061": 2})", "column 10: duplicate key 'a'");
  refuse(R"({"\"\\": 1, "\"\\": 2})", "column 13: duplicate key '\"\\'");
  parsed(R"({"a": {"a": {"a": 1}}, "b": {"a": 2}})");
}

TEST(Json, IsQuickOnAMillionKeysAndOnAMillionEqualOnes) {
  std::string keys = "{";
  for (int i = 0; i < 1000000; ++i) keys += "\"key " + std::to_string(i) + "\":1,";
  std::string same = "{";
  for (int i = 0; i < 1000000; ++i) same += "\"k\":1,";
  const double seconds = test::thread_seconds([&] {
    EXPECT_EQ(parsed(keys + "\"last\":1}").as_object().size(), 1000001U);
    refuse(keys + "\"key 0\":1}", "duplicate key 'key 0'");
    refuse(same + "\"k\":1}", "duplicate key 'k'");
  });
  EXPECT_LT(seconds, 20.0);  // also under sanitizers
}

TEST(Json, LimitsDepthNodesAndBytes) {
  const auto nested = [](int depth) {
    return std::string(static_cast<std::size_t>(depth), '[') + std::string(static_cast<std::size_t>(depth), ']');
  };
  parsed(nested(128));
  const auto over = [&](std::string_view text, const Limits& limits, std::string_view part) {
    expect_error<LimitError>([&] { parse(text, "f.json", limits); }, part);
  };
  over(nested(129), {}, "f.json: line 1 column 129: nested deeper than 128");
  over(std::string(10000000, '['), {}, "nested deeper than 128");
  over(nested(100000), {.depth = 1 << 30}, "nested deeper than 1024");
  std::string objects;
  for (int i = 0; i < 100000; ++i) objects += "{\"a\":";
  over(objects, {}, "nested deeper than 128");
  over("[1, 2, 3]", {.nodes = 3}, "more than 3 values and keys");
  EXPECT_EQ(parse("[1, 2, 3]", "f", {.nodes = 4}).as_array().size(), 3U);
  over("[1, 2, 3]", {.bytes = 8}, "text of 9 bytes is over the limit of 8 bytes");
}

TEST(Json, ReadsFiles) {
  const test::TempDir dir;
  EXPECT_EQ(parse_file(dir.write("a.json", "[1]")).as_array().size(), 1U);
  expect_error<FormatError>([&] { parse_file(dir.write("b.json", "[1")); }, "b.json: line 1 column 3: the text ends");
  expect_error<LimitError>([&] { parse_file(dir.write("c.json", "[1,2]"), {.bytes = 4}); }, "over the limit");
  expect_error<PathError>([&] { parse_file(dir.path() / "missing.json"); }, "no such file");
}

TEST(Json, EscapesInputInMessages) {
  refuse("{\"a\x1b[31m\": 1}", "\\x1b");
  const std::string key(100000, 'k');
  refuse("{\"" + key + "\":1,\"" + key + "\":1}", "duplicate key 'kkkk");
}

TEST(Fields, ReadTypedMembers) {
  const Value v = parsed(R"({"i": 5, "d": 0.5, "b": false, "s": "x", "null": null, "o": {"k": 1}, "list": [1, 2],
                             "reals": [1, 2.5]})");
  const Fields f(v, "config.json");
  EXPECT_EQ(f.need_integer("i", 1, 5), 5);
  EXPECT_EQ(f.get_integer("missing", 1, 5), std::nullopt);
  EXPECT_EQ(f.get_integer("null", 1, 5), std::nullopt);
  EXPECT_EQ(f.need_number("i", 0, 9), 5.0);
  EXPECT_EQ(f.get_number("d", 0, 1), 0.5);
  EXPECT_EQ(f.get_bool("b"), false);
  EXPECT_EQ(f.get_string("s"), "x");
  EXPECT_EQ(f.get_object("o")->need_integer("k", 0, 1), 1);
  EXPECT_FALSE(f.get_object("missing"));
  EXPECT_EQ(f.get_integers("list", 0, 2), (std::vector<std::int64_t>{1, 2}));
  EXPECT_EQ(f.get_integers("i", 0, 5), (std::vector<std::int64_t>{5}));
  EXPECT_EQ(f.get_numbers("reals", 0, 3), (std::vector<double>{1, 2.5}));
  EXPECT_TRUE(f.get_numbers("missing", 0, 3).empty());
  EXPECT_TRUE(f.has("i") && !f.has("null") && !f.has("missing"));
}

// BAD_INPUT: hidden_size of every wrong kind.
TEST(Fields, NameFileKeyValueAndRule) {
  const auto refused = [](std::string_view text, std::string_view part) {
    const Value v = parsed(text);
    expect_error<FormatError>([&] { return Fields(v, "config.json").need_integer("hidden_size", 1, 1 << 20); }, part);
  };
  const std::string rule = ": must be an integer in [1, 1048576]";
  refused(R"({"hidden_size": "4096"})", "config.json: hidden_size = '4096'" + rule);
  refused(R"({"hidden_size": 4096.5})", "config.json: hidden_size = 4096.5" + rule);
  refused(R"({"hidden_size": 1e30})", "hidden_size = 1e+30" + rule);
  refused(R"({"hidden_size": -1})", "hidden_size = -1" + rule);
  refused(R"({"hidden_size": 0})", "hidden_size = 0" + rule);
  refused(R"({"hidden_size": null})", "hidden_size = null" + rule);
  refused(R"({"hidden_size": [1]})", "hidden_size = an array" + rule);
  refused("{}", "config.json: hidden_size: is missing: must be an integer in [1, 1048576]");
}

TEST(Fields, NamePlacesInside) {
  const Value v = parsed(R"({"rope_scaling": {"factor": "x"}, "ids": [1, -1], "text": 5, "flag": 1, "list": {}})");
  const Fields f(v, "config.json");
  expect_error<FormatError>([&] { return f.get_object("rope_scaling")->need_number("factor", 1, 64); },
                            "rope_scaling.factor = 'x': must be a number in [1, 64]");
  expect_error<FormatError>([&] { return f.get_integers("ids", 0, 9); }, "ids[1] = -1: must be an integer in [0, 9]");
  expect_error<FormatError>([&] { return f.get_numbers("ids", 0, 9); }, "ids[1] = -1: must be a number in [0, 9]");
  expect_error<FormatError>([&] { return f.get_numbers("text", 0, 9); }, "text = 5: must be an array");
  expect_error<FormatError>([&] { return f.need_string("text"); }, "text = 5: must be a string");
  expect_error<FormatError>([&] { return f.get_bool("flag"); }, "flag = 1: must be true or false");
  expect_error<FormatError>([&] { return f.get_object("ids"); }, "ids = an array: must be an object");
  const Value list = parsed("[]");
  expect_error<FormatError>([&] { Fields(list, "config.json"); }, "config.json: an array: must be an object");
}

}  // namespace
}  // namespace skald::json
