// Malformed and hostile tokenizer files and texts: one clear line, or the right answer in linear time.
//
//   wrong types                      BadTokenizer.WrongTypesNameTheField
//   broken JSON, long strings        BadTokenizer.JsonFaultsNameLineAndColumn, AVeryLongStringIsATokenOrNone,
//                                    AFileOfAGibibyteIsRefusedUnread
//   merges                           BadTokenizer.MergesMustBePairsOfTokensWithATokenAsResult
//   ids of the vocabulary            BadTokenizer.VocabularyIdsAreUniqueIntegersInRange; against the rows of the
//                                    model's embedding: Folder.TokenizerMustFitTheEmbedding in tests/engine
//   added tokens                     BadTokenizer.AddedTokensAreNeitherEmptyNorColliding, AddedTokens.*,
//                                    HostileText.ManyAddedTokensAndPrefixChainsTakeLinearTime
//   unknown types                    BadTokenizer.UnknownTypesAreNamedWithTheKnownOnes
//   nested sequences                 BadTokenizer.NestedSequencesHaveALimit
//   regexes                          BadTokenizer.RegexesAreBounded, Regex.*, HostileText.RegexesStopInTime
//   Unigram, WordPiece, WordLevel    bad_models_test.cc
//   post-processors                  BadTokenizer.TheTemplateMustNameTokens, FramesMustNameTokens,
//                                    AtMostOnePostProcessorAddsTokens
//   texts                            HostileText.*
//   chat templates                   template_test.cc
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <random>

#include "skald/error.h"
#include "support.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"
#include "text/detokenizer.h"

namespace skald::text {
namespace {

using skald::test::expect_error;
using test::parse;
using test::tiny;

std::string repeated(std::string_view unit, std::size_t bytes) {
  std::string out;
  while (out.size() < bytes) out += unit;
  return out;
}

std::string split(const std::string& regex) {
  return tiny(R"(,"pre_tokenizer":{"type":"Split","behavior":"Isolated","invert":false,"pattern":{"Regex":)" +
              json::dump(regex) + "}}");
}

std::string replace(const std::string& regex) {
  return tiny(R"(,"normalizer":{"type":"Replace","content":"x","pattern":{"Regex":)" + json::dump(regex) + "}}");
}

std::string added(const std::string& tokens) { return tiny(",\"added_tokens\":[" + tokens + "]"); }

TEST(BadTokenizer, WrongTypesNameTheField) {
  expect_error<FormatError>([] { parse("[]"); }, "must be an object");
  expect_error<FormatError>([] { parse("{}"); }, "model");
  expect_error<FormatError>([] { parse(R"({"model":5})"); }, "model");
  expect_error<FormatError>([] { parse(R"({"model":{"vocab":{}}})"); }, "model.unk_token");
  expect_error<FormatError>([] { parse(tiny("", R"(,"vocab":[],"merges":[])")); }, "model.vocab");
  expect_error<FormatError>([] { parse(tiny("", R"(,"vocab":{"a":0},"merges":{})")); }, "model.merges");
  expect_error<FormatError>([] { parse(tiny(R"(,"normalizer":7)")); }, "normalizer");
  expect_error<FormatError>([] { parse(tiny(R"(,"truncation":"x")")); }, "truncation");
  expect_error<UnsupportedError>([] { parse(tiny(R"(,"version":"2.0")")); }, "'2.0'");
  expect_error<UnsupportedError>([] { parse(tiny("", R"(,"vocab":{"a":0},"merges":[],"dropout":0.5)")); }, "dropout");
  expect_error<FormatError>([] { parse(tiny("", R"(,"vocab":{"a":0},"merges":[],"unk_token":"u")")); }, "unk_token");
}

TEST(BadTokenizer, JsonFaultsNameLineAndColumn) {
  const auto message = [](const std::string& text) { return skald::test::message_of<Error>([&] { parse(text); }); };
  EXPECT_NE(message(std::string(100000, '[')).find("deep"), std::string::npos);
  EXPECT_NE(message(R"({"model":{},"model":{}})").find("model"), std::string::npos);
  EXPECT_NE(message("{\n\"a\": \"\\ud800\"}").find("line 2"), std::string::npos);
  EXPECT_NE(message("{\n\"a\": \"\\q\"}").find("line 2"), std::string::npos);
  EXPECT_FALSE(message(std::string("\xff\xfe{\0}\0", 6)).empty());
}

TEST(BadTokenizer, AVeryLongStringIsATokenOrNone) {
  const std::string text(8U << 20, 'a');
  const auto vocab = "\"vocab\":{\"a\":0,\"" + text + "\":1}";
  EXPECT_EQ(parse(tiny("", "," + vocab + R"(,"merges":[])")).encode("aa").ids, (std::vector<TokenId>{0, 0}));
  EXPECT_EQ(
      parse(added(R"({"id":9,"content":")" + text.substr(7U << 20) + "\"}")).encode(text.substr(7U << 20) + "b").ids,
      (std::vector<TokenId>{9, 1}));
  expect_error<LimitError>([&] { parse(R"({"model":{"type":"WordPiece","unk_token":"a",)" + vocab + "}}"); },
                           "8388608 bytes");
  const std::string shown =
      skald::test::message_of<Error>([&] { parse(tiny(R"(,"decoder":{"type":")" + text + "\"}")); });
  EXPECT_NE(shown.find("decoder.type"), std::string::npos);
  EXPECT_LT(shown.size(), 1000U);
}

// A string of so many bytes that it is a gibibyte with the rest of its file, which lies nowhere.
TEST(BadTokenizer, AFileOfAGibibyteIsRefusedUnread) {
  const skald::test::TempDir folder;
  std::filesystem::resize_file(folder.write("tokenizer.json", R"({"model":")"), 1U << 30);
  const double seconds = test::thread_seconds([&] {
    expect_error<LimitError>([&] { static_cast<void>(Tokenizer::load(folder.path().string())); },
                             "tokenizer.json: file of 1073741824 bytes is over the limit of 268435456 bytes");
  });
  EXPECT_LT(seconds, 0.1);
}

TEST(BadTokenizer, MergesMustBePairsOfTokensWithATokenAsResult) {
  const auto merges = [](const std::string& list) {
    return tiny("", R"(,"vocab":{"a":0,"b":1,"ab":2},"merges":[)" + list + "]");
  };
  expect_error<FormatError>([&] { parse(merges(R"("a b","t h")")); }, "model.merges[1]: 't' is not in vocab");
  expect_error<FormatError>([&] { parse(merges(R"("b a")")); }, "model.merges[0]: 'ba' is not in vocab");
  expect_error<FormatError>([&] { parse(merges(R"("a b c")")); }, "model.merges[0]");
  expect_error<FormatError>([&] { parse(merges(R"("ab")")); }, "model.merges[0]");
  expect_error<FormatError>([&] { parse(merges(R"(["a","b","ab"])")); }, "model.merges[0]");
  expect_error<FormatError>([&] { parse(merges(R"(["a",1])")); }, "model.merges[0]");
  expect_error<FormatError>([&] { parse(merges(R"("a b",["a","b"])")); }, "merges[0]");
  EXPECT_EQ(parse(merges(R"("#version: 0.2","a b")")).encode("ab").ids, std::vector<TokenId>{2});
  std::string many = R"("a b")";
  for (int i = 0; i < (1 << 22); ++i) many += ",0";
  const json::Value json = json::parse(merges(many), "tokenizer.json", {.nodes = 1U << 24});
  expect_error<LimitError>([&] { static_cast<void>(Tokenizer::from_json(json, "tokenizer.json")); }, "model.merges");
}

TEST(BadTokenizer, VocabularyIdsAreUniqueIntegersInRange) {
  const auto vocab = [](const std::string& members) { return tiny("", ",\"merges\":[],\"vocab\":{" + members + "}"); };
  for (const char* id : {"-1", "2147483648", "16777216", "1.5", "\"1\"", "null", "1e30"}) {
    expect_error<FormatError>([&] { parse(vocab(R"("x":)" + std::string(id))); }, "model.vocab['x']");
  }
  expect_error<FormatError>([&] { parse(vocab(R"("x":3,"y":3)")); }, "already belongs to 'x'");
  const Tokenizer gaps = parse(vocab(R"("x":3,"y":70000)"));
  EXPECT_EQ(gaps.vocab_size(), 2U);
  EXPECT_EQ(gaps.id_limit(), 70001);
  EXPECT_EQ(gaps.id_to_token(5), "");
  EXPECT_EQ(gaps.decode(std::vector<TokenId>{3, 5, -1, 1 << 30, 70000}), "x y");
}

TEST(BadTokenizer, AddedTokensAreNeitherEmptyNorColliding) {
  expect_error<FormatError>([] { parse(added(R"({"id":9,"content":""})")); }, "added_tokens[0].content");
  expect_error<FormatError>([] { parse(added(R"({"id":1,"content":"<x>"})")); }, "belongs to 'b'");
  expect_error<FormatError>([] { parse(added(R"({"id":9,"content":"b"})")); }, "has id 1");
  expect_error<FormatError>([] { parse(added(R"({"id":9,"content":"x"},{"id":9,"content":"y"})")); },
                            "added_tokens[1].id");
  expect_error<FormatError>([] { parse(added(R"({"id":9,"content":"x"},{"id":8,"content":"x"})")); },
                            "added_tokens[1].content");
  expect_error<FormatError>([] { parse(added(R"({"id":-9,"content":"x"})")); }, "added_tokens[0].id");
  const Tokenizer beyond = parse(added(R"({"id":1000,"content":"<x>"})"));
  EXPECT_EQ(beyond.encode("ab<x>c").ids, (std::vector<TokenId>{2, 1000, 3}));
}

TEST(AddedTokens, AnyCharactersAreJustText) {
  const Tokenizer tokenizer = parse(added(
      R"({"id":10,"content":".*"},{"id":11,"content":"[a-c]+"},{"id":12,"content":"(a"},{"id":13,"content":"\\"})"));
  EXPECT_EQ(tokenizer.encode(R"(a.*b[a-c]+(a\)").ids, (std::vector<TokenId>{0, 10, 1, 11, 12, 13}));
}

// What a normalizer makes of one is the other: each text is looked through once, what was found is not normalized
// again.
TEST(AddedTokens, ThoseThatNormalizeIntoEachOtherAreFoundOnce) {
  const auto swap = [](const std::string& from, const std::string& to) {
    return R"({"type":"Replace","pattern":{"String":")" + from + R"("},"content":")" + to + "\"}";
  };
  const Tokenizer tokenizer = parse(
      tiny(R"(,"added_tokens":[{"id":10,"content":"x","normalized":true},{"id":11,"content":"y","normalized":true}])"
           R"(,"normalizer":{"type":"Sequence","normalizers":[)" +
           swap("x", "z") + "," + swap("y", "x") + "," + swap("z", "y") + "]}"));
  EXPECT_EQ(tokenizer.encode("axyb").ids, (std::vector<TokenId>{0, 10, 11, 1}));
  const std::string text = repeated("xy", 1U << 20);
  Encoding encoding;
  EXPECT_LT(test::thread_seconds([&] { encoding = tokenizer.encode(text); }), 5.0);  // 0.1 s without sanitizers
  EXPECT_EQ(encoding.ids.size(), text.size());
}

// As the reference has it: one whose normal form is empty is at every place, takes whitespace along from there, and
// cuts the text where it takes none.
TEST(AddedTokens, ThoseThatNormalizeToNothingAreEverywhere) {
  const auto ids = [](const std::string& flags, const std::string& text) {
    return parse(tiny(R"(,"added_tokens":[{"id":10,"content":"h","normalized":true)" + flags +
                          R"(},{"id":11,"content":"t","normalized":true}],"normalizer":{"type":"Replace","pattern":)"
                          R"({"String":"h"},"content":""})",
                      R"(,"vocab":{"a":0,"b":1,"ab":2,"c":3," ":4},"merges":["a b"])"))
        .encode(text)
        .ids;
  };
  const std::string rstrip = R"(,"rstrip":true)";
  EXPECT_EQ(ids(rstrip, "a  b"), (std::vector<TokenId>{0, 10, 10, 1}));
  EXPECT_EQ(ids(rstrip, "t  c"), (std::vector<TokenId>{11, 4, 10, 3}));  // none where a token just ended
  EXPECT_EQ(ids(rstrip + R"(,"lstrip":true)", "a  b"), (std::vector<TokenId>{0, 10, 1}));
  EXPECT_EQ(ids("", "abhc"), (std::vector<TokenId>{0, 1, 3}));  // not "ab"
  EXPECT_EQ(ids("", "h"), std::vector<TokenId>{});
}

TEST(Normalizers, TextPutBeforeAllBeginsWithItsStretch) {
  const Tokenizer tokenizer =
      parse(tiny(R"(,"added_tokens":[{"id":10,"content":"<x>","normalized":false}],"normalizer":{"type":"Sequence",)"
                 R"("normalizers":[{"type":"Strip","strip_left":true},{"type":"Replace","pattern":{"Regex":"\\b"},)"
                 R"("content":"c"}]})"));
  const Encoding encoding = tokenizer.encode("<x> b");
  EXPECT_EQ(encoding.ids, (std::vector<TokenId>{10, 3, 1, 3}));
  EXPECT_EQ(encoding.offsets, (std::vector<ByteRange>{{0, 3}, {3, 3}, {4, 5}, {4, 5}}));
}

TEST(BadTokenizer, UnknownTypesAreNamedWithTheKnownOnes) {
  expect_error<UnsupportedError>([] { parse(R"({"model":{"type":"Bigram"}})"); },
                                 "'Bigram': is not supported; known types: BPE");
  expect_error<UnsupportedError>([] { parse(tiny(R"(,"normalizer":{"type":"Nmtt"})")); }, "known types: NFC");
  expect_error<UnsupportedError>([] { parse(tiny(R"(,"pre_tokenizer":{"type":"Foo"})")); }, "'Foo'");
  expect_error<UnsupportedError>([] { parse(tiny(R"(,"decoder":{"type":"CTCC"})")); }, "decoder.type");
  expect_error<UnsupportedError>([] { parse(tiny(R"(,"post_processor":{"type":"X"})")); }, "post_processor.type");
  expect_error<UnsupportedError>(
      [] { parse(tiny(R"(,"decoder":{"type":"Sequence","decoders":[{"type":"Fuse"},{"type":"CTCC"}]})")); },
      "decoder.decoders[1].type");
}

// A kind of stage, how it calls a list of its own, and one of its types.
struct StageKind {
  std::string name, list, type;
  [[nodiscard]] std::string one() const { return R"({"type":")" + type + "\"}"; }
  [[nodiscard]] std::string open() const { return R"({"type":"Sequence",")" + list + "\":["; }
  [[nodiscard]] std::string file(const std::string& stage) const { return tiny(",\"" + name + "\":" + stage); }
  [[nodiscard]] std::string nested(std::size_t depth) const {
    return file(repeated(open(), depth * open().size()) + one() + repeated("]}", depth * 2));
  }
  [[nodiscard]] std::string listed(std::size_t count) const {
    return file(open() + one() + repeated("," + one(), (count - 1) * (one().size() + 1)) + "]}");
  }
};

TEST(BadTokenizer, NestedSequencesHaveALimit) {
  for (const StageKind& kind :
       {StageKind{"normalizer", "normalizers", "NFC"}, StageKind{"pre_tokenizer", "pretokenizers", "Whitespace"},
        StageKind{"decoder", "decoders", "Fuse"}, StageKind{"post_processor", "processors", "ByteLevel"}}) {
    SCOPED_TRACE(kind.name);
    EXPECT_NO_THROW(parse(kind.nested(30)));
    expect_error<LimitError>([&] { parse(kind.nested(40)); }, "nested deeper than 32");
    EXPECT_FALSE(skald::test::message_of<Error>([&] { parse(kind.nested(10000)); }).empty());
    EXPECT_NO_THROW(parse(kind.listed(256)));
    expect_error<LimitError>([&] { parse(kind.listed(257)); }, kind.list + "[256].type: more than 256 stages");
  }
}

TEST(BadTokenizer, RegexesAreBounded) {
  using File = std::string (*)(const std::string& regex);
  for (const File in : {File{split}, File{replace}}) {
    const std::string field = in == split ? "pre_tokenizer.pattern.Regex = '" : "normalizer.pattern.Regex = '";
    for (const std::string& regex :
         {std::string("(a+)+$"), std::string("(a|a)*!"), std::string("(?:a*)*b"), std::string(1 << 20, 'a'),
          std::string("a{1,100000}"), repeated("(", 1000), repeated("[", 1000)}) {
      const std::string file = in(regex);
      const std::string said = skald::test::message_of<LimitError>([&] { parse(file); });
      EXPECT_NE(said.find(field), std::string::npos) << said;
      EXPECT_NE(said.find("regex too complex"), std::string::npos) << said;
    }
    expect_error<UnsupportedError>([&] { parse(in(R"(\p{Foo}+)")); }, "\\p{Foo}");
    expect_error<UnsupportedError>([&] { parse(in(R"((a)\1)")); }, "not supported");
    for (const char* regex : {"(a", "a)", "[a", "[b-a]", "a\\", R"(\x{110000})", "(?<=a*)b", "\\p", "*a"}) {
      EXPECT_FALSE(skald::test::message_of<Error>([&] { parse(in(regex)); }).empty()) << regex;
    }
    EXPECT_NO_THROW(parse(in("(.*)*")));
    EXPECT_NO_THROW(parse(in("(?<=a)b")));
  }
  expect_error<FormatError>(
      [] { parse(tiny(R"(,"pre_tokenizer":{"type":"Split","pattern":{},"behavior":"Isolated"})")); }, "pattern");
  expect_error<FormatError>(
      [] { parse(tiny(R"(,"pre_tokenizer":{"type":"Split","pattern":{"String":"x"},"behavior":"Foo"})")); },
      "behavior");
}

TEST(Regex, PosixClassesAreOfAllCharacters) {
  const auto cuts = [](const std::string& regex) {
    const Tokenizer tokenizer =
        parse(R"({"model":{"type":"WordLevel","vocab":{"?":0},"unk_token":"?"},"pre_tokenizer":{"type":"Split",)"
              R"("behavior":"Removed","invert":true,"pattern":{"Regex":)" +
              json::dump(regex) + "}}}");
    const std::string text = "aB\u00e9\u00c9 1\u0664\t,+_\u2028";
    std::string out;
    for (const ByteRange at : tokenizer.encode(text).offsets) out += text.substr(at.begin, at.end - at.begin) + "|";
    return out;
  };
  EXPECT_EQ(cuts("[[:alpha:]]+"), "aB\u00e9\u00c9|");
  EXPECT_EQ(cuts("[[:upper:]]"), "B|\u00c9|");
  EXPECT_EQ(cuts("[[:lower:][:digit:]]+"), "a|\u00e9|1\u0664|");
  EXPECT_EQ(cuts("[[:^print:]]+"), "\t|\u2028|");
  EXPECT_EQ(cuts("[[:punct:]&&[^,]]+"), "+_|");
  EXPECT_EQ(cuts("[^[:graph:]]+"), " |\t|\u2028|");
  EXPECT_EQ(cuts("[[:xdigit:]]"), "a|B|1|");
  EXPECT_EQ(cuts("[[:blank:]]"), " |\t|");
  EXPECT_EQ(cuts("[[:foo],]"), ",|");  // no such class: ":", "f" and "o", or a comma
  expect_error<FormatError>([] { parse(split("[[:foo:]]")); }, "[:foo:] is no POSIX class");
}

// As the reference's engine has it.
TEST(Regex, AHalfIsAWordCharacterButNotInAClass) {
  const auto ids = [](const std::string& regex) {
    const std::string cut = R"({"type":"Split","behavior":"Isolated","invert":false,"pattern":{"Regex":)";
    return parse(
               R"({"model":{"type":"WordLevel","vocab":{"?":0,"a\u00bdb":1,"\u00bd":2},"unk_token":"?"},"pre_tokenizer":)" +
               cut + json::dump(regex) + "}}}")
        .encode("a\u00bdb")
        .ids;
  };
  EXPECT_EQ(ids(R"(\w+)"), std::vector<TokenId>{1});
  for (const char* regex : {R"([\w]+)", R"([^\w]+)", R"([^\s\W]+)"}) {
    EXPECT_EQ(ids(regex), (std::vector<TokenId>{0, 2, 0})) << regex;
  }
}

TEST(BadTokenizer, AtMostOnePostProcessorAddsTokens) {
  const std::string frame = R"({"type":"BertProcessing","cls":["a",0],"sep":["b",1]})";
  const auto sequence = [&](const std::string& second) {
    return tiny(R"(,"post_processor":{"type":"Sequence","processors":[)" + frame + "," + second + "]}");
  };
  expect_error<UnsupportedError>([&] { parse(sequence(frame)); }, "one post-processor of a Sequence may add tokens");
  EXPECT_EQ(parse(sequence(R"({"type":"ByteLevel"})")).encode("c").ids, (std::vector<TokenId>{0, 3, 1}));
}

TEST(AddedTokens, ThoseThatTakeWhitespaceAlongLeaveNoneForTheNext) {
  const auto ids = [](const std::string& flags) {
    return parse(added(R"({"id":9,"content":"\n","rstrip":true)" + flags + "}")).encode("\n\na").ids;
  };
  EXPECT_EQ(ids(R"(,"lstrip":true)"), (std::vector<TokenId>{9, 0}));
  EXPECT_EQ(ids(""), (std::vector<TokenId>{9, 9, 0}));
}

TEST(BadTokenizer, TheTemplateMustNameTokens) {
  const auto post = [](const std::string& single, const std::string& special) {
    return tiny(R"(,"post_processor":{"type":"TemplateProcessing","single":[)" + single + R"(],"special_tokens":{)" +
                special + "}}");
  };
  const std::string cls = R"({"SpecialToken":{"id":"[CLS]","type_id":0}})",
                    text = R"({"Sequence":{"id":"A","type_id":0}})";
  expect_error<FormatError>([&] { parse(post(cls + "," + text, "")); }, "'[CLS]' is not a token");
  expect_error<FormatError>(
      [&] { parse(post(cls + "," + text, R"("[CLS]":{"id":"[CLS]","ids":[99],"tokens":["[CLS]"]})")); }, "99");
  for (const char* type : {"-1", "4294967296", "1e30", "0.5", "\"0\"", "null"}) {
    expect_error<FormatError>(
        [&] { parse(post(R"({"Sequence":{"id":"A","type_id":)" + std::string(type) + "}}", "")); },
        "post_processor.single[0].Sequence.type_id");
    const std::string special = R"({"SpecialToken":{"id":"[CLS]","type_id":)" + std::string(type) + "}}";
    expect_error<FormatError>([&] { parse(post(special, "")); }, "post_processor.single[0].SpecialToken.type_id");
  }
  expect_error<FormatError>([&] { parse(post(R"({"Sequence":{"id":"Q","type_id":0}})", "")); }, "must be A or B");
  const Tokenizer good = parse(post(cls + "," + text, R"("[CLS]":{"id":"[CLS]","ids":[3],"tokens":["c"]})"));
  EXPECT_EQ(good.encode("ab").ids, (std::vector<TokenId>{3, 2}));
  EXPECT_EQ(good.encode("ab", {.add_special_tokens = false}).ids, std::vector<TokenId>{2});
}

TEST(BadTokenizer, FramesMustNameTokens) {
  const auto post = [](const std::string& type, const std::string& cls, const std::string& sep) {
    return tiny(R"(,"post_processor":{"type":")" + type + R"(","cls":)" + cls + R"(,"sep":)" + sep + "}");
  };
  const std::string a = R"(["a",0])", b = R"(["b",1])";
  for (const char* type : {"BertProcessing", "RobertaProcessing"}) {
    EXPECT_EQ(parse(post(type, a, b)).encode("c").ids, (std::vector<TokenId>{0, 3, 1}));
    expect_error<FormatError>([&] { parse(post(type, R"(["z",99])", b)); }, "post_processor = 99: an id that");
    for (const char* bad : {"null", "0", "\"a\"", "[]", "[\"a\"]", "[0]", "[0,0]", R"(["a",0,0])", R"(["a","0"])",
                            R"(["a",-1])", R"(["a",0.5])", R"(["a",2147483648])"}) {
      expect_error<FormatError>([&] { parse(post(type, bad, b)); }, "post_processor.cls");
      expect_error<FormatError>([&] { parse(post(type, a, bad)); }, "post_processor.sep");
    }
  }
}

TEST(BadTokenizer, FilesAreNamed) {
  expect_error<PathError>([] { static_cast<void>(Tokenizer::load("/no/such/folder")); },
                          "/no/such/folder: no such file or folder");
  const skald::test::TempDir folder;
  const std::string file = folder.write("tokenizer.json", "{");
  expect_error<FormatError>([&] { static_cast<void>(Tokenizer::load(folder.path().string())); }, file);
}

TEST(HostileText, TakesLinearTime) {
  for (const char* name : {"gpt2", "llama3", "qwen2", "o200k", "deepseek", "llama2", "bert", "wordlevel", "unigram",
                           "unigram-bytes", "clip", "prefixed", "sp-unigram", "sp-bpe"}) {
    const Tokenizer tokenizer = test::load(name);
    for (const char* unit :
         {"A", "_", " ", "\n", "\u4e2d", "\u0301", "e\u0323\u0301", "\U0001f468\u200d", "<|eot_id|>", "ab", "\xff"}) {
      const std::string text = repeated(unit, 1U << 20);
      const auto time = [&](std::size_t bytes) {
        return test::thread_seconds(
            [&] { static_cast<void>(tokenizer.encode(std::string_view(text).substr(0, bytes))); });
      };
      EXPECT_LT(time(text.size()), 20.0) << name << " " << unit;  // 0.1 s without sanitizers
    }
  }
}

// A word of 16 times the length may take 48 times as long: what grows with the square takes 256, what leaves the
// processor's caches on the way up to 35 on a slow memory. The best of several runs, in this thread's own time, so that
// what else the machine does counts little; bench/compare has the figures of each doubling.
TEST(HostileText, TimeGrowsWithTheLengthOfAWord) {
  constexpr std::size_t kShort = 1U << 16, kLong = 1U << 20;
  std::mt19937 random(5);
  std::string letters(kLong, ' ');
  for (char& c : letters) c = static_cast<char>('a' + random() % 26);
  for (const char* name : {"gpt2", "llama3", "llama2", "unigram", "unigram-bytes", "bert", "sp-unigram", "sp-bpe"}) {
    const Tokenizer tokenizer = test::load(name);
    for (const std::string& text : {repeated("a", kLong), repeated("th", kLong), repeated(" ", kLong), letters}) {
      const auto best_of = [&](int runs, std::size_t bytes) {
        const std::string_view word = std::string_view(text).substr(0, bytes);
        double best = 1e9;
        while (runs-- > 0)
          best = std::min(best, test::thread_seconds([&] { static_cast<void>(tokenizer.encode(word)); }));
        return best;
      };
      EXPECT_LT(best_of(3, kLong), 48 * best_of(9, kShort)) << name << ", " << text.substr(0, 8) << "...";
    }
  }
}

// A regex that looks to the end of the text from every place reads a text of moderate length, and refuses one that
// would take the square of its length, unless the engine knows better.
TEST(HostileText, RegexesStopInTime) {
  const std::string text(1U << 17, 'a');
  for (const char* regex : {"(?=.*z)a", "(?=[^z]*+z)a", "(?!.*z)a(?=.*z)", "a+b", "(?>a+)b", "(?<!b)a*z", "a{2,}?z",
                            "(?:ab?){1,9}z|a(?=a*z)", R"(a(?=\w*\b\d))", "(?:a(?:[^z]*+z|))*y", "(?:a(?![^z]*+z))*y"}) {
    for (const std::string& file : {split(regex), replace(regex)}) {
      const Tokenizer tokenizer = parse(file);
      EXPECT_NO_THROW(static_cast<void>(tokenizer.encode(std::string_view(text).substr(0, 300)))) << regex;
      const double seconds = test::thread_seconds([&] {
        try {
          static_cast<void>(tokenizer.encode(text));
        } catch (const LimitError& error) {
          EXPECT_NE(std::string(error.what()).find("regex too complex"), std::string::npos) << error.what();
        }
      });
      EXPECT_LT(seconds, 2.0) << regex;  // 0.1 s without sanitizers
    }
  }
  expect_error<LimitError>([&] { static_cast<void>(parse(split("(?=.*z)a")).encode(text)); },
                           "pre_tokenizer.pattern.Regex = '(?=.*z)a': regex too complex");
}

// EXAONE's words, of as many groups as they have letters.
TEST(HostileText, GroupsAreRepeatedAsOftenAsAMebibyteHasLetters) {
  const Tokenizer tokenizer = parse(split(R"((?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N})"));
  const std::string text(1U << 20, 'a');
  Encoding encoding;
  EXPECT_LT(test::thread_seconds([&] { encoding = tokenizer.encode(text); }), 5.0);  // 0.2 s without sanitizers
  EXPECT_EQ(encoding.ids.size(), text.size());
}

TEST(HostileText, EveryByteAndIllFormedUtf8AreReadAsUtf8OrReplaced) {
  for (const char* name : {"gpt2", "llama3", "tekken", "deepseek"}) {
    const Tokenizer tokenizer = test::load(name);
    const auto round_trip = [&](std::string_view text) {
      return tokenizer.decode(tokenizer.encode(text, {.add_special_tokens = false}).ids);
    };
    for (int byte = 0; byte < 256; ++byte) {
      EXPECT_EQ(round_trip(std::string(1, static_cast<char>(byte))),
                byte < 128 ? std::string(1, static_cast<char>(byte)) : "\ufffd");
    }
    EXPECT_EQ(round_trip("a\xc0\x80z"), "a\ufffd\ufffdz");            // overlong
    EXPECT_EQ(round_trip("a\xed\xa0\x80z"), "a\ufffd\ufffd\ufffdz");  // surrogate
    EXPECT_EQ(round_trip("a\xe4\xb8"), "a\ufffd");                    // cut
    EXPECT_EQ(round_trip("\xf4\x8f\xbf\xbf\xf4\x90"), "\U0010ffff\ufffd\ufffd");
    EXPECT_EQ(round_trip(std::string_view("\0x", 2)), std::string_view("\0x", 2));
  }
  const Encoding encoding = test::load("gpt2").encode("a\xe4\xb8z");
  EXPECT_EQ(encoding.offsets.back(), (ByteRange{3, 4}));
}

TEST(HostileText, SpecialTokensAreDataUnlessAllowed) {
  for (const char* name :
       {"bert", "clip", "ctc", "deepseek", "deepseek-coder", "gpt2", "llama2", "llama3", "o200k", "prefixed", "qwen2",
        "roberta", "tekken", "unigram", "unigram-bytes", "wordlevel", "wordpiece-cased"}) {
    const Tokenizer tokenizer = test::load(name);
    for (const AddedToken& token : tokenizer.added_tokens()) {
      const bool unknown = token.content.find("unk") != std::string::npos || token.content == "[UNK]";
      if (!token.special || unknown) continue;  // anything may be an unknown token
      const auto has = [&](const EncodeOptions& options) {
        const auto ids = tokenizer.encode(token.content, options).ids;
        return std::find(ids.begin(), ids.end(), token.id) != ids.end();
      };
      EXPECT_TRUE(has({.add_special_tokens = false}));
      EXPECT_FALSE(has({.add_special_tokens = false, .parse_special = false})) << name << token.content;
      const auto nowhere = [](const AddedToken&, ByteRange) { return false; };
      EXPECT_FALSE(has({.add_special_tokens = false, .reads = nowhere})) << name << token.content;
    }
  }
}

TEST(HostileText, ManyAddedTokensAndPrefixChainsTakeLinearTime) {
  std::string list;
  for (int i = 0; i < 100000; ++i) {
    list += (i > 0 ? "," : "") + std::string(R"({"normalized":false,"id":)") + std::to_string(i + 10) +
            R"(,"content":"<t)" + std::to_string(i) + ">\"}";
  }
  const Tokenizer many = parse(added(list));
  EXPECT_EQ(many.encode("a<t99999><t1>b<t").ids, (std::vector<TokenId>{0, 100009, 11, 1}));

  const std::string chain = R"({"id":10,"content":")" + std::string(20000, 'a') + R"(b"},{"id":11,"content":"aa"})";
  const Tokenizer chained = parse(added(chain));
  const std::string text(1U << 20, 'a');
  Encoding encoding;
  EXPECT_LT(test::thread_seconds([&] { encoding = chained.encode(text); }), 2.0);
  EXPECT_EQ(encoding.ids, std::vector<TokenId>(1U << 19, 11));
  const std::string long_one(20000, 'a');
  EXPECT_EQ(chained.encode(long_one + "b").ids, std::vector<TokenId>{10});
}

}  // namespace
}  // namespace skald::text
