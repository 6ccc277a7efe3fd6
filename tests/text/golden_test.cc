// What `tokenizers` gives, from files made by make_goldens.py.
#include <gtest/gtest.h>

#include "support.h"
#include "text/decoder.h"
#include "text/detokenizer.h"
#include "text/normalizer.h"
#include "text/pre_tokenizer.h"

namespace skald::text {
namespace {

json::Array offsets_of(const Encoding& encoding) {
  json::Array out;
  for (const ByteRange range : encoding.offsets) {
    out.emplace_back(json::Array{std::int64_t{range.begin}, std::int64_t{range.end}});
  }
  return out;
}

class TokenizerGolden : public testing::TestWithParam<const char*> {};

TEST_P(TokenizerGolden, GivesTheReferencesIdsOffsetsAndTexts) {
  const Tokenizer tokenizer = test::load(GetParam());
  const json::Value goldens = json::parse_file(test::data(GetParam()) + "/goldens.json");
  ASSERT_GT(goldens.as_array().size(), 50U);
  for (const json::Value& golden : goldens.as_array()) {
    const std::string& text = golden.find("text")->as_string();
    SCOPED_TRACE(text);
    const Encoding encoding = tokenizer.encode(text, {.parse_special = !golden.find("plain")->as_bool()});
    EXPECT_EQ(json::dump(test::ids_of(encoding)), json::dump(*golden.find("ids")));
    EXPECT_EQ(json::dump(offsets_of(encoding)), json::dump(*golden.find("offsets")));
    EXPECT_EQ(tokenizer.decode(encoding.ids), golden.find("decoded")->as_string());
    EXPECT_EQ(tokenizer.decode(encoding.ids, true), golden.find("skipped")->as_string());
  }
}

TEST_P(TokenizerGolden, StreamsExactlyWhatItDecodes) {
  const Tokenizer tokenizer = test::load(GetParam());
  std::mt19937 random(5);
  for (int round = 0; round < 300; ++round) {
    std::vector<TokenId> ids;
    for (int i = 0; i < 12; ++i) ids.push_back(static_cast<TokenId>(random() % (tokenizer.id_limit() + 3)) - 1);
    for (const bool skip : {false, true}) {
      Detokenizer stream(tokenizer, skip);
      std::string text;
      for (const TokenId id : ids) {
        const std::string_view piece = stream.push(id);
        ASSERT_EQ(first_invalid_utf8(piece), piece.size());
        text += piece;
      }
      text += stream.finish();
      ASSERT_EQ(text, tokenizer.decode(ids, skip));
      EXPECT_EQ(stream.finish(), "");
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, TokenizerGolden,
                         testing::Values("gpt2", "roberta", "llama3", "qwen2", "o200k", "tekken", "deepseek",
                                         "deepseek-coder", "llama2", "bert", "wordpiece-cased", "wordlevel", "ctc",
                                         "unigram", "unigram-bytes", "clip", "prefixed"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::erase(name, '-');
                           return name;
                         });

TEST(TokenizerLengths, AreTheReferencesWhereAskedFor) {
  const Tokenizer tokenizer = test::load("prefixed");
  const json::Value goldens = json::parse_file(test::data("prefixed/lengths.json"));
  for (const json::Value& golden : goldens.as_array()) {
    const std::string& text = golden.find("text")->as_string();
    SCOPED_TRACE(text);
    const Encoding encoding = tokenizer.encode(text, {.file_lengths = true});
    EXPECT_EQ(json::dump(test::ids_of(encoding)), json::dump(*golden.find("ids")));
    EXPECT_EQ(json::dump(offsets_of(encoding)), json::dump(*golden.find("offsets")));
  }
}

// Calls check(stage, case) for every case of a kind of stage.
void for_each_stage(const char* kind, auto&& check) {
  for (const char* file : {"stages.json", "models.json"}) {
    const json::Value stages = json::parse_file(test::data(file));
    const json::Array& texts = stages.find("texts")->as_array();
    ASSERT_FALSE(stages.find(kind)->as_array().empty());
    for (const json::Value& stage : stages.find(kind)->as_array()) {
      SCOPED_TRACE(json::dump(*stage.find("stage")).substr(0, 300));
      const json::Fields fields(*stage.find("stage"), file);
      for (const json::Value& entry : stage.find("cases")->as_array()) {
        const json::Value& key = entry.as_array()[0];  // the input, or its index in "texts"
        const json::Value& input = key.is_integer() ? texts[static_cast<std::size_t>(key.as_integer())] : key;
        SCOPED_TRACE(json::dump(input));
        check(fields, input, entry.as_array()[1]);
      }
    }
  }
}

TEST(StageGolden, PreTokenizersCutAsTheReference) {
  std::string last;
  std::optional<PreTokenizerChain> chain;
  std::vector<AlignedText> buffers;
  for_each_stage("pre_tokenizers", [&](const json::Fields& fields, const json::Value& text, const json::Value& pieces) {
    const std::string stage = json::dump(fields.value());
    if (stage != last) chain.emplace(fields);
    last = stage;
    json::Array got;
    chain->split({text.as_string()}, buffers, [&](const Piece& piece) { got.emplace_back(std::string(piece.text)); });
    EXPECT_EQ(json::dump(got), json::dump(pieces));
  });
}

TEST(StageGolden, NormalizersChangeAsTheReference) {
  for_each_stage("normalizers", [](const json::Fields& fields, const json::Value& text, const json::Value& normal) {
    AlignedText buffers[2];
    EXPECT_EQ(NormalizerChain(fields).normalize({text.as_string()}, buffers).text, normal.as_string());
  });
}

TEST(StageGolden, DecodersPutTogetherAsTheReference) {
  for_each_stage("decoders", [](const json::Fields& fields, const json::Value& tokens, const json::Value& text) {
    const DecoderChain chain(fields);
    DecoderChain::Stream stream(chain);
    std::string got;
    for (const json::Value& token : tokens.as_array()) stream.push(token.as_string(), got);
    stream.finish(got);
    EXPECT_EQ(got, text.as_string());
  });
}

}  // namespace
}  // namespace skald::text
