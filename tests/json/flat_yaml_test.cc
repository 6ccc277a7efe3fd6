// The part of YAML that holds flat settings, and the refusal of the rest.
#include "json/flat_yaml.h"

#include <gtest/gtest.h>

#include "skald/error.h"
#include "support/expect_error.h"

namespace skald::json {
namespace {

using skald::test::expect_error;

Value read(std::string_view text) { return parse_flat_yaml(text, "model.yaml"); }

TEST(FlatYaml, KeysAndPlainValues) {
  const Value settings = read(
      "---\n# a comment\nd_model: 512\r\ndropout: 0.1  # of training\n\nlr: 1e-3\npos_encoding: learned\n"
      "quoted: 'a # b'  # c\ndouble: \"x: y\"\nflag: True\nnothing: ~\nurl: http://a#b\nminus: -3\nversion: 1.2.3");
  EXPECT_EQ(settings.find("d_model")->as_integer(), 512);
  EXPECT_EQ(settings.find("dropout")->as_number(), 0.1);
  EXPECT_EQ(settings.find("lr")->as_number(), 1e-3);
  EXPECT_EQ(settings.find("pos_encoding")->as_string(), "learned");
  EXPECT_EQ(settings.find("quoted")->as_string(), "a # b");
  EXPECT_EQ(settings.find("double")->as_string(), "x: y");
  EXPECT_TRUE(settings.find("flag")->as_bool());
  EXPECT_TRUE(settings.find("nothing")->is_null());
  EXPECT_EQ(settings.find("url")->as_string(), "http://a#b");
  EXPECT_EQ(settings.find("minus")->as_integer(), -3);
  EXPECT_EQ(settings.find("version")->as_string(), "1.2.3");
  EXPECT_TRUE(read("").as_object().empty());
}

TEST(FlatYaml, WhateverElseYamlHasIsRefusedWithItsLine) {
  for (const char* const text : {"a: 1\nb:\n  c: 2", "a: 1\n  b: 2", "a: 1\n- b", "a: 1\nb: [1, 2]", "a: 1\nb: {c: 2}",
                                 "a: 1\nb: |\n  text", "a: 1\nb: >", "a: 1\nb: &anchor 2", "a: 1\nb: *anchor",
                                 "a: 1\nb: !!int 2", "a: 1\nb: \"\\n\"", "a: 1\nb: 'it''s'"}) {
    expect_error<UnsupportedError>([&] { static_cast<void>(read(text)); }, "line 2");
  }
  for (const char* const text : {"a: 1\nb", "a: 1\nb:2", "a: 1\n: 2", "a: 1\na: 2", "a: 1\nb: 'c", "a: 1\nb: 'c' d"}) {
    expect_error<FormatError>([&] { static_cast<void>(read(text)); }, "model.yaml: line 2");
  }
  expect_error<FormatError>([] { static_cast<void>(read("a: \xff")); }, "UTF-8");
  std::string many;
  for (int i = 0; i < 1100; ++i) many += "k" + std::to_string(i) + ": 1\n";
  expect_error<LimitError>([&] { static_cast<void>(read(many)); }, "1000 settings");
}

}  // namespace
}  // namespace skald::json
