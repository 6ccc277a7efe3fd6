// What the tests of text share.
#pragma once

#include <random>
#include <string>
#include <vector>

#include "base/utf8.h"
#include "json/fields.h"
#include "json/value.h"
#include "support/thread_seconds.h"
#include "text/tokenizer.h"

namespace skald::text::test {

using skald::test::thread_seconds;

inline std::string data(const std::string& name) { return SKALD_TEST_DATA "/tokenizers/" + name; }

inline Tokenizer load(const std::string& name) { return Tokenizer::load(data(name)); }

inline Tokenizer parse(const std::string& text) {
  return Tokenizer::from_json(json::parse(text, "tokenizer.json"), "tokenizer.json");
}

inline json::Array ids_of(const Encoding& encoding) {
  json::Array out;
  for (const TokenId id : encoding.ids) out.emplace_back(std::int64_t{id});
  return out;
}

/// A tokenizer.json with a tiny BPE model; `more` are further members of the top object, beginning with a comma.
inline std::string tiny(const std::string& more = "", const std::string& model = "") {
  return R"({"model":{"type":"BPE")" +
         (model.empty() ? R"(,"vocab":{"a":0,"b":1,"ab":2,"c":3},"merges":["a b"])" : model) + "}" + more + "}";
}

/// `count` characters: spaces, ASCII, letters and marks of many scripts, and any code point.
inline std::string random_text(std::mt19937& random, std::size_t count) {
  static const std::u32string common =
      U"aAbZsSTtldvremé0129 "
      U"\t\n\r'\"/.,!-_()<|>[]{}\u00a0\u3000\u2028\u0301\u0323\u017f\u01c5\u02b0\u00aa\u0130ßж日本가\u1100"
      U"\u1161अ्ا١👍\u200d🏽½Ⅻ€“";
  std::string out;
  for (std::size_t i = 0; i < count; ++i) {
    char32_t c = common[random() % common.size()];
    if (random() % 8 == 0) c = random() % 0x3000;
    if (random() % 64 == 0) c = random() % 0x110000;
    append_utf8(out, c >= 0xd800 && c < 0xe000 ? U' ' : c);
  }
  return out;
}

}  // namespace skald::text::test
