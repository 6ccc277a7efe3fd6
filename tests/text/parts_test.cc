// Single parts: finding added tokens, Unicode, bytes.
#include <gtest/gtest.h>

#include <algorithm>

#include "support.h"
#include "text/added_tokens.h"
#include "text/lossy_utf8.h"
#include "text/unicode.h"

namespace skald::text {
namespace {

TEST(StringFinder, FindsLeftmostLongest) {
  std::mt19937 random(2);
  for (int round = 0; round < 500; ++round) {
    std::vector<std::string> strings;
    for (int i = 0; i < 6; ++i) {
      std::string string;
      for (std::size_t n = random() % 6; n > 0; --n) string += static_cast<char>('a' + random() % 2);
      if (std::find(strings.begin(), strings.end(), string) == strings.end()) strings.push_back(string);
    }
    const std::vector<std::string_view> views(strings.begin(), strings.end());
    std::string text;
    for (std::size_t n = random() % 40; n > 0; --n) text += static_cast<char>('a' + random() % 3);
    std::vector<std::pair<std::size_t, std::string>> expected, got;
    std::size_t last_end = text.size() + 1;
    for (std::size_t at = 0; at <= text.size();) {
      std::optional<std::string_view> best;
      for (const std::string_view string : views) {
        if (string.empty() && at == last_end) continue;
        const bool here = std::string_view(text).substr(at).starts_with(string);
        if (here && string.size() >= best.value_or("").size()) best = string;
      }
      if (best) expected.emplace_back(at, *best);
      if (best) last_end = at + best->size();
      at += best ? best->size() : 0;
      if (!best || best->empty()) ++at;
    }
    for (const auto& match : StringFinder(views).find(text)) got.emplace_back(match.begin, strings[match.number]);
    ASSERT_EQ(got, expected) << text;
  }
}

TEST(Unicode, KnowsTheReferencesVersion) {
  EXPECT_EQ(category(0x1c89), kLu);   // Unicode 16
  EXPECT_EQ(category(0xa7ce), kCn);   // Unicode 17: not known to the reference
  EXPECT_EQ(category(0x323af), kLo);  // Unicode 15.1
  EXPECT_TRUE(is_space(0x85));
  EXPECT_FALSE(is_space(0x200b));
  EXPECT_EQ(lower_case(U'Σ'), U'σ');
  EXPECT_EQ(lower_case(0x1c89), U'\u1c8a');
  EXPECT_EQ(lower_case(U'Ǆ'), U'ǆ');
  EXPECT_FALSE(property_set("Foo").has_value());
}

std::u32string normal(std::u32string_view text, NormalForm form) {
  std::u32string out;
  for (const NormalizedChar& c : normalize(text, form)) out += c.code_point;
  return out;
}

TEST(Unicode, NormalFormsHoldTheirLaws) {
  EXPECT_EQ(normal(U"e\u0323\u0301", NormalForm::nfc), U"\u1eb9\u0301");
  EXPECT_EQ(normal(U"\u1100\u1161\u11a8", NormalForm::nfc), U"\uac01");
  EXPECT_EQ(normal(U"\uac01", NormalForm::nfd), U"\u1100\u1161\u11a8");
  EXPECT_EQ(normal(U"\ufb01", NormalForm::nfkc), U"fi");
  EXPECT_EQ(normal(U"\u1e9b\u0323", NormalForm::nfkc), U"\u1e69");
  for (char32_t c = 0; c < 0x30000; ++c) {
    const std::u32string text(1, c);
    const std::u32string nfd = normal(text, NormalForm::nfd), nfc = normal(text, NormalForm::nfc);
    ASSERT_EQ(normal(nfd, NormalForm::nfd), nfd) << std::hex << std::uint32_t{c};
    ASSERT_EQ(normal(nfc, NormalForm::nfc), nfc) << std::hex << std::uint32_t{c};
    ASSERT_EQ(normal(nfd, NormalForm::nfc), nfc) << std::hex << std::uint32_t{c};
    ASSERT_EQ(normal(nfc, NormalForm::nfd), nfd) << std::hex << std::uint32_t{c};
    ASSERT_TRUE(!is_inert(c, NormalForm::nfc) || nfc == text) << std::hex << std::uint32_t{c};
  }
}

TEST(Unicode, TheByteAlphabetIsOneToOne) {
  for (int byte = 0; byte < 256; ++byte) EXPECT_EQ(char_to_byte(byte_to_char(static_cast<std::uint8_t>(byte))), byte);
  EXPECT_EQ(byte_to_char(' '), U'Ġ');
  EXPECT_EQ(byte_to_char('\n'), U'Ċ');
  EXPECT_EQ(byte_to_char(0xad), U'\u0143');
  EXPECT_EQ(char_to_byte(U' '), -1);
  EXPECT_EQ(char_to_byte(0x144), -1);
}

TEST(LossyUtf8, GivesTheSameInAllCuts) {
  std::mt19937 random(3);
  constexpr unsigned char kBytes[] = {'a',  0x80, 0xbf, 0xc0, 0xc2, 0xe0, 0xa0, 0xe4,
                                      0xed, 0x9f, 0xef, 0xf0, 0x90, 0xf4, 0x8f, 0xf5};
  for (int round = 0; round < 5000; ++round) {
    std::string bytes, whole, pieces;
    for (std::size_t n = 1 + random() % 8; n > 0; --n) bytes += static_cast<char>(kBytes[random() % std::size(kBytes)]);
    LossyUtf8 once, cut;
    once.push(bytes, whole);
    once.finish(whole);
    for (const char byte : bytes) {
      cut.push(std::string(1, byte), pieces);
      ASSERT_EQ(first_invalid_utf8(pieces), pieces.size());
    }
    cut.finish(pieces);
    ASSERT_EQ(pieces, whole);
  }
  std::string out;
  LossyUtf8 lossy;
  lossy.push("\xf0\x9f\x92z\xe0\x80\xf5\xc2", out);
  lossy.finish(out);
  EXPECT_EQ(out, "\ufffdz\ufffd\ufffd\ufffd\ufffd");
}

TEST(Tokenizer, AnswersAboutTokens) {
  const Tokenizer tokenizer = test::load("llama3");
  EXPECT_EQ(tokenizer.special_tokens().bos, tokenizer.token_to_id("<|begin_of_text|>"));
  EXPECT_EQ(tokenizer.special_tokens().eos, tokenizer.token_to_id("<|eot_id|>"));
  EXPECT_FALSE(tokenizer.special_tokens().pad.has_value());
  EXPECT_EQ(tokenizer.vocab_size(), 900U);
  EXPECT_TRUE(tokenizer.is_special(0));
  EXPECT_FALSE(tokenizer.is_special(5));
  EXPECT_EQ(tokenizer.token_bytes(*tokenizer.token_to_id("Ġthe")), " the");
  const Tokenizer llama2 = test::load("llama2");
  EXPECT_EQ(llama2.token_bytes(*llama2.token_to_id("▁the")), " the");
  EXPECT_EQ(llama2.token_bytes(*llama2.token_to_id("<0x0A>")), "\n");
}

}  // namespace
}  // namespace skald::text
