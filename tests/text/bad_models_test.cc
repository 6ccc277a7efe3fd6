// Malformed models beside BPE, charsmaps, and vocabularies without a tokenizer.json.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/base64.h"
#include "skald/error.h"
#include "support.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"
#include "text/files/vocabulary_files.h"

namespace skald::text {
namespace {

using skald::test::expect_error;
using test::parse;

std::string model(const std::string& type, const std::string& members, const std::string& more = "") {
  return R"({"model":{"type":")" + type + "\"," + members + "}" + more + "}";
}

TEST(BadUnigram, ScoresUnknownsAndLengths) {
  const auto unigram = [](const std::string& vocab, const std::string& more = "") {
    return model("Unigram", "\"vocab\":" + vocab + more);
  };
  expect_error<FormatError>([&] { parse(unigram("{}")); }, "model.vocab");
  expect_error<FormatError>([&] { parse(unigram(R"(["a"])")); }, "model.vocab[0]");
  expect_error<FormatError>([&] { parse(unigram(R"([["a",0],["b"]])")); }, "model.vocab[1]");
  expect_error<FormatError>([&] { parse(unigram(R"([["a",0],["b","x"]])")); }, "model.vocab[1]");
  expect_error<FormatError>([&] { parse(unigram(R"([["a",null]])")); }, "must be a finite number");
  for (const char* score : {"1e999", "-1e999", "NaN", "-Infinity"}) {
    EXPECT_FALSE(
        skald::test::message_of<Error>([&] { parse(unigram("[[\"a\"," + std::string(score) + "]]")); }).empty());
  }
  expect_error<FormatError>([&] { parse(unigram(R"([["a",0]])", R"(,"unk_id":1)")); }, "unk_id");
  expect_error<FormatError>([&] { parse(unigram("[]", R"(,"unk_id":0)")); }, "unk_id");
  const Tokenizer without = parse(unigram(R"([["a",0],["ab",1]])"));
  EXPECT_EQ(without.encode("aa").ids, (std::vector<TokenId>{0, 0}));
  expect_error<FormatError>([&] { static_cast<void>(without.encode("xa")); }, "no unknown token");
  expect_error<LimitError>([&] { parse(unigram("[[\"" + std::string(5000, 'a') + "\",0]]")); }, "5000 bytes");
  const Tokenizer longer = parse(unigram("[[\"?\",0],[\"" + std::string(900, 'a') + "\",0]]", R"(,"unk_id":0)"));
  EXPECT_EQ(longer.encode("aaa").ids, std::vector<TokenId>{0});  // the token is longer than the text
}

// Scores are read as the reference reads them, whose last bit is not always that of the nearest double: it decides
// here.
TEST(BadUnigram, EqualWaysToCutATextAreChosenAsTheReferenceDoes) {
  const std::string vocab =
      R"([["?",0],["b",-10.212812772140243],["a",-9.931211244367699],["aa",-11.175910555020243]])";
  EXPECT_EQ(parse(model("Unigram", R"("unk_id":0,"vocab":)" + vocab)).encode("baaa").ids,
            (std::vector<TokenId>{1, 2, 3}));
}

TEST(BadUnigram, AMebibyteOfOneWordTakesLinearTime) {
  std::string vocab = R"([["?",0])";
  for (int n = 1; n <= 64; ++n)
    vocab += ",[\"" + std::string(static_cast<std::size_t>(n), 'A') + "\",-" + std::to_string(n) + ".5]";
  const Tokenizer tokenizer = parse(model("Unigram", "\"unk_id\":0,\"vocab\":" + vocab + "]"));
  const std::string text(1U << 20, 'A');
  Encoding encoding;
  EXPECT_LT(test::thread_seconds([&] { encoding = tokenizer.encode(text); }), 5.0);  // 0.3 s without sanitizers
  EXPECT_EQ(encoding.ids.size(), (1U << 20) / 64);
}

TEST(BadWordPiece, LimitsAndPrefix) {
  const auto word_piece = [](const std::string& more) {
    return model("WordPiece", R"("vocab":{"[UNK]":0,"a":1,"##b":2,"b":3})" + more);
  };
  for (const char* limit : {"0", "-1", "9223372036854775808", "1.5", "\"3\""}) {
    expect_error<FormatError>([&] { parse(word_piece(",\"max_input_chars_per_word\":" + std::string(limit))); },
                              "max_input_chars_per_word");
  }
  EXPECT_EQ(parse(word_piece("")).encode("abb").ids, (std::vector<TokenId>{1, 2, 2}));
  EXPECT_EQ(parse(word_piece(R"(,"max_input_chars_per_word":2)")).encode("abb").ids, std::vector<TokenId>{0});
  EXPECT_EQ(parse(word_piece(R"(,"continuing_subword_prefix":"")")).encode("abb").ids, (std::vector<TokenId>{1, 3, 3}));
  EXPECT_EQ(parse(word_piece(R"(,"max_input_chars_per_word":2147483648)")).encode(std::string(1U << 20, 'a') + "?").ids,
            std::vector<TokenId>{0});
  expect_error<FormatError>([&] { static_cast<void>(parse(word_piece(R"(,"unk_token":"x")")).encode("zz")); },
                            "no unknown token");
}

// Of which all of the first word is cut before it turns out that it is unknown.
TEST(BadWordPiece, AMebibyteOfOneWordTakesLinearTime) {
  std::string vocab = R"({"[UNK]":0,"a":1)";
  for (int n = 1; n <= 64; ++n) {
    vocab += ",\"##" + std::string(static_cast<std::size_t>(n), 'a') + "\":" + std::to_string(n + 1);
  }
  const Tokenizer tokenizer =
      parse(model("WordPiece", R"("max_input_chars_per_word":2147483648,"vocab":)" + vocab + "}"));
  const std::string text((1U << 20) + 1, 'a');
  Encoding encoding;
  EXPECT_LT(test::thread_seconds([&] { encoding = tokenizer.encode(text); }), 5.0);  // 0.1 s without sanitizers
  EXPECT_EQ(encoding.ids.size(), 1 + (1U << 20) / 64);
  EXPECT_LT(test::thread_seconds([&] { encoding = tokenizer.encode(text + "?"); }), 5.0);
  EXPECT_EQ(encoding.ids, std::vector<TokenId>{0});
}

TEST(BadWordLevel, NeedsItsUnknownToken) {
  expect_error<FormatError>([] { parse(model("WordLevel", R"("vocab":{"a":0})")); }, "unk_token");
  const Tokenizer tokenizer = parse(model("WordLevel", R"("vocab":{"a":0},"unk_token":"x")"));
  EXPECT_EQ(tokenizer.encode("a").ids, std::vector<TokenId>{0});
  expect_error<FormatError>([&] { static_cast<void>(tokenizer.encode("b")); }, "'b'");
}

TEST(BadCharsmap, IsRefusedOrBounded) {
  const auto precompiled = [](const std::string& text) {
    return model("WordLevel", R"("vocab":{"a":0},"unk_token":"a")",
                 R"(,"normalizer":{"type":"Precompiled","precompiled_charsmap":")" + text + "\"}");
  };
  expect_error<FormatError>([&] { parse(precompiled("!!!")); }, "must be base64");
  expect_error<FormatError>([&] { parse(precompiled("AAA")); }, "precompiled_charsmap");
  expect_error<FormatError>([&] { parse(precompiled(encode_base64(std::string("\xff\xff\xff\x7f", 4)))); },
                            "precompiled_charsmap");
  EXPECT_NO_THROW(parse(precompiled("")));
  std::mt19937 random(3);
  for (int round = 0; round < 3000; ++round) {  // any units at all lead nowhere outside
    std::string blob(4 + 256 * 4, '\0');
    blob[1] = 4;
    for (std::size_t i = 4; i < blob.size(); ++i) blob[i] = static_cast<char>(random() % (round % 2 ? 256 : 4));
    blob += std::string("x\0yz\0", 5);
    const Tokenizer tokenizer = parse(precompiled(encode_base64(blob)));
    static_cast<void>(tokenizer.encode("abc \xe4\xbd\xa0\xcc\x81 \x01\x02\x03"));
  }
}

class BadPieceModel : public testing::Test {
 protected:
  static std::string bytes() {
    std::ifstream file(test::data("sp-bpe/spiece.model"), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  static void read(const std::string& bytes) {
    const FolderSettings settings("/nowhere");
    const VocabularyFile file = read_piece_model(bytes, "x.model", settings);
    const Tokenizer tokenizer = Tokenizer::from_json(file.tokenizer, file.path);
    static_cast<void>(tokenizer.decode(tokenizer.encode("the king \xe4\xbd\xa0").ids));
  }
  static std::string piece(const std::string& text, char type = 1) {
    const std::string inner =
        "\x0a" + std::string(1, static_cast<char>(text.size())) + text + std::string("\x15\0\0\0\0\x18", 6) + type;
    return "\x0a" + std::string(1, static_cast<char>(inner.size())) + inner;
  }
};

TEST_F(BadPieceModel, IsRefusedInOneLine) {
  const std::string unknown = piece("<unk>", 2), two = piece("a") + piece("b");
  EXPECT_NO_THROW(read(unknown + two));
  expect_error<FormatError>([&] { read(""); }, "no SentencePiece model");
  expect_error<FormatError>([&] { read(two); }, "unknown pieces");
  expect_error<FormatError>([&] { read(unknown + unknown); }, "unknown pieces");
  expect_error<FormatError>([&] { read(unknown + two + two); }, "is there twice");
  expect_error<FormatError>([&] { read(unknown + piece("")); }, "must not be empty");
  expect_error<FormatError>([&] { read(unknown + piece("\xff")); }, "is not UTF-8");
  expect_error<FormatError>([&] { read(unknown + piece("a", 9)); }, "is no type of a piece");
  expect_error<UnsupportedError>([&] { read(unknown + two + "\x12\x02\x18\x03"); }, "model_type");
  expect_error<FormatError>([&] { read(unknown + "\x12\x03\x98\x02\x01"); }, "256 byte pieces");
  expect_error<FormatError>([&] { read("\x0b"); }, "is no wire type");
  expect_error<FormatError>([&] { read(std::string(12, '\xff')); }, "ten bytes");
  EXPECT_FALSE(skald::test::message_of<Error>([&] { read("\x0a\xff\xff\xff\xff\x0f"); }).empty());
}

TEST_F(BadPieceModel, CutOrChangedAnywhereIsRefusedOrRead) {
  const std::string whole = bytes();
  EXPECT_NO_THROW(read(whole));
  std::mt19937 random(4);
  for (int round = 0; round < 400; ++round) {
    std::string changed = whole;
    if (round % 2 == 0) {
      changed.resize(random() % whole.size());
    } else {
      for (int i = 0; i < 3; ++i) changed[random() % whole.size()] = static_cast<char>(random());
    }
    try {
      read(changed);
    } catch (const Error& error) {
      EXPECT_FALSE(std::string(error.what()).empty());
    }
  }
}

class VocabularyFolder : public testing::Test {
 protected:
  void write(const std::string& name, const std::string& text) const { static_cast<void>(folder_.write(name, text)); }
  [[nodiscard]] Tokenizer load() const { return Tokenizer::load(folder_.path().string()); }
  skald::test::TempDir folder_;
};

TEST_F(VocabularyFolder, WordListIsBerts) {
  write("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nking\n##s\n,\n");
  const Tokenizer tokenizer = load();
  EXPECT_EQ(tokenizer.encode("Kings, x").ids, (std::vector<TokenId>{2, 5, 6, 7, 1, 3}));
  EXPECT_EQ(tokenizer.decode(std::vector<TokenId>{2, 5, 6, 7, 3}, true), "kings,");
  EXPECT_EQ(tokenizer.special_tokens().pad, 0);
  write("tokenizer_config.json", R"({"do_lower_case":false})");
  EXPECT_EQ(load().encode("Kings").ids, (std::vector<TokenId>{2, 1, 3}));
  write("vocab.txt", "a\nb\n");
  expect_error<FormatError>([&] { static_cast<void>(load()); }, "no line has it");
  write("vocab.txt", "[CLS]\n\xff\n");
  expect_error<FormatError>([&] { static_cast<void>(load()); }, "is not UTF-8");
}

TEST_F(VocabularyFolder, BpeFilesAreGpt2sOrTheirClasses) {
  write("vocab.json", R"({"a":0,"b":1,"ab":2,"<s>":3,"</s>":4,"<mask>":5})");
  write("merges.txt", "#version: 0.2\na b\n\n");
  EXPECT_EQ(load().encode("ab<s>").ids, (std::vector<TokenId>{2}));
  write("tokenizer_config.json", R"({"tokenizer_class":"RobertaTokenizer"})");
  EXPECT_EQ(load().encode("ab").ids, (std::vector<TokenId>{3, 2, 4}));
  write("tokenizer_config.json", R"({"tokenizer_class":"StrangeTokenizerFast"})");
  expect_error<UnsupportedError>([&] { static_cast<void>(load()); }, "'StrangeTokenizer'");
  write("tokenizer_config.json", "{}");
  write("merges.txt", "a c\n");
  expect_error<FormatError>([&] { static_cast<void>(load()); }, "merges[0]");
  write("vocab.json", "[]");
  expect_error<FormatError>([&] { static_cast<void>(load()); }, "vocab.json");
}

TEST_F(VocabularyFolder, PieceModelsOfRenumberingClassesNeedATokenizerJson) {
  std::filesystem::copy_file(test::data("sp-unigram/spiece.model"), folder_.path() / "tokenizer.model");
  EXPECT_EQ(load().encode("").ids.size(), 1U);  // eos
  write("tokenizer_config.json", R"({"tokenizer_class":"XLMRobertaTokenizer"})");
  expect_error<UnsupportedError>([&] { static_cast<void>(load()); }, "'XLMRobertaTokenizer'");
}

TEST(Bpe, AWordThatSpellsASpecialTokenIsOneUnlessItIsPlainText) {
  const Tokenizer tokenizer =
      parse(model("BPE", R"("vocab":{"<":0,"s":1,">":2,"<s>":3," ":4},"merges":[],"ignore_merges":true)",
                  R"(,"added_tokens":[{"id":3,"content":"<s>","special":true,"single_word":true}],"pre_tokenizer":)"
                  R"({"type":"Split","pattern":{"String":"s>"},"behavior":"MergedWithPrevious"})"));
  const std::vector<TokenId> whole{3, 1}, letters{0, 1, 2, 1};
  for (int turn = 0; turn < 2; ++turn) {             // what one call made of a word is of no other
    EXPECT_EQ(tokenizer.encode("<s>s").ids, whole);  // no token of its own in the text, since it touches a word
    EXPECT_EQ(tokenizer.encode("<s>s", {.parse_special = false}).ids, letters);
    EXPECT_EQ(tokenizer.encode("<s>s", {.reads = [](const AddedToken&, ByteRange) { return false; }}).ids, letters);
  }
}

TEST(Rwkv, TakesTheLongestTokenInBytes) {
  const std::string vocab = R"("vocab":{"a":1,"ab":2,"\\xe4\\xbd":3,"\\xa0":4,"\\n":5,"b'":6,"\\\\":7})";
  const Tokenizer tokenizer = parse(model("RWKV", vocab, R"(,"decoder":{"type":"RWKV"})"));
  const std::vector<TokenId> ids{2, 1, 3, 4, 5, 6, 7};
  EXPECT_EQ(tokenizer.encode("aba\xe4\xbd\xa0\nb'\\").ids, ids);
  EXPECT_EQ(tokenizer.decode(ids), "aba\xe4\xbd\xa0\nb'\\");
  EXPECT_EQ(tokenizer.decode(std::vector<TokenId>{3, 1}), "\ufffda");
  const Tokenizer special = parse(model("RWKV", R"("vocab":{"a":1,"<a>":2,"<":3,">":4})",
                                        R"(,"added_tokens":[{"id":2,"content":"<a>","special":true}])"));
  EXPECT_EQ(special.encode("<a>").ids, std::vector<TokenId>{2});
  EXPECT_EQ(special.encode("<a>", {.parse_special = false}).ids, (std::vector<TokenId>{3, 1, 4}));
  expect_error<FormatError>([&] { static_cast<void>(tokenizer.encode("z")); }, "'z'");
  expect_error<FormatError>([] { parse(model("RWKV", R"("vocab":{"\\xzz":0})")); }, "escape");
}

}  // namespace
}  // namespace skald::text
