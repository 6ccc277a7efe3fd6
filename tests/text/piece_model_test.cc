// SentencePiece's own files: what SentencePiece gives, from files made by make_model_goldens.py.
#include <gtest/gtest.h>

#include "support.h"
#include "text/detokenizer.h"

namespace skald::text {
namespace {

class PieceModel : public testing::TestWithParam<const char*> {};

TEST_P(PieceModel, GivesSentencePiecesIdsAndTexts) {
  const Tokenizer tokenizer = test::load(GetParam());
  const json::Value goldens = json::parse_file(test::data(GetParam()) + "/goldens.json");
  ASSERT_GT(goldens.as_array().size(), 50U);
  for (const json::Value& golden : goldens.as_array()) {
    const std::string& text = golden.find("text")->as_string();
    SCOPED_TRACE(text);
    const Encoding encoding = tokenizer.encode(text, {.add_special_tokens = false, .parse_special = false});
    EXPECT_EQ(json::dump(test::ids_of(encoding)), json::dump(*golden.find("ids")));
    std::vector<TokenId> plain;
    for (const json::Value& id : golden.find("plain")->as_array())
      plain.push_back(static_cast<TokenId>(id.as_integer()));
    EXPECT_EQ(tokenizer.decode(plain), golden.find("decoded")->as_string());
    Detokenizer stream(tokenizer);
    std::string streamed;
    for (const TokenId id : plain) streamed += stream.push(id);
    streamed += stream.finish();
    EXPECT_EQ(streamed, golden.find("decoded")->as_string());
    std::uint32_t last = 0;
    for (const ByteRange range : encoding.offsets) {
      EXPECT_LE(last, range.end);
      EXPECT_LE(range.begin, range.end);
      EXPECT_LE(range.end, text.size());
      last = range.begin;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, PieceModel,
                         testing::Values("sp-unigram", "sp-bpe", "sp-suffix", "sp-char", "sp-bpe-unknown"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::erase(name, '-');
                           return name;
                         });

}  // namespace
}  // namespace skald::text
