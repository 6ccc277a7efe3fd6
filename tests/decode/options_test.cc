#include "decode/options.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <set>
#include <sstream>

#include "decode/foreign_options.h"
#include "skald/error.h"
#include "support/expect_error.h"

namespace skald::decode {
namespace {

using test::expect_error;
using test::message_of;

TEST(Options, NamesFlagsAndAliasesAreUnique) {
  std::set<std::string> seen;
  for (const Option& option : option_table()) {
    EXPECT_TRUE(seen.insert(std::string(option.info.name)).second) << option.info.name;
    EXPECT_EQ(find_option(option.info.name), &option);
    EXPECT_EQ(find_option(option.info.flag), &option);
    EXPECT_EQ(find_foreign_option(option.info.name), nullptr) << option.info.name;
  }
  EXPECT_EQ(find_option("--max-tokens")->info.name, "max_new_tokens");
  EXPECT_EQ(find_option("--num-samples")->info.name, "num_return_sequences");
  EXPECT_EQ(find_option("--stop")->info.name, "stop_strings");
}

TEST(Options, SetReachesEveryTypeByName) {
  GenerationConfig config;
  config.set("top_k", "40");
  config.set("temperature", "0.7");
  config.set("do_sample", "true");
  config.set("seed", "9007199254740991");
  config.set("eos_token_id", "1,2,3");
  config.set("stop_strings", "\n\n");
  config.set("--stop", "END");
  EXPECT_EQ(config.top_k, 40);
  EXPECT_EQ(config.temperature, 0.7);
  EXPECT_EQ(config.do_sample, true);
  EXPECT_EQ(config.seed, 9007199254740991U);
  EXPECT_EQ(config.eos_token_id, (std::vector<TokenId>{1, 2, 3}));
  EXPECT_EQ(config.stop_strings, (std::vector<std::string>{"\n\n", "END"}));
}

TEST(Options, RefusalsNameOptionValueAndRange) {
  const auto refused = [](std::string_view name, std::string_view value) {
    return message_of<OptionError>([&] { GenerationConfig{}.set(name, value); });
  };
  EXPECT_EQ(refused("temperature", "-1"), "temperature = -1: must be a number in [0, 1000000]");
  EXPECT_EQ(refused("temperature", "nan"), "temperature = 'nan': must be a number in [0, 1000000]");
  EXPECT_EQ(refused("temperature", "1e308"), "temperature = 1e+308: must be a number in [0, 1000000]");
  EXPECT_EQ(refused("top_p", "0"), "top_p = 0: must be a number in (0, 1]");
  EXPECT_EQ(refused("top_p", "2"), "top_p = 2: must be a number in (0, 1]");
  EXPECT_EQ(refused("min_p", "-1"), "min_p = -1: must be a number in [0, 1]");
  EXPECT_EQ(refused("top_k", "-5"), "top_k = -5: must be an integer in [-1, 2147483647]");
  EXPECT_EQ(refused("top_k", "1.5"), "top_k = 1.5: must be an integer in [-1, 2147483647]");
  EXPECT_EQ(refused("repetition_penalty", "1e30"), "repetition_penalty = 1e+30: must be a number in (0, 1000]");
  EXPECT_EQ(refused("seed", "-1"), "seed = -1: must be an integer in [0, 9007199254740991]");
  EXPECT_EQ(refused("max_new_tokens", "0"), "max_new_tokens = 0: must be an integer in [1, 16777216]");
  EXPECT_EQ(refused("max_new_tokens", "1000000000"),
            "max_new_tokens = 1000000000: must be an integer in [1, 16777216]");
  EXPECT_EQ(refused("max_new_tokens", "abc"), "max_new_tokens = 'abc': must be an integer in [1, 16777216]");
  EXPECT_EQ(refused("num_return_sequences", "1000000000"),
            "num_return_sequences = 1000000000: must be an integer in [1, 128]");
  EXPECT_EQ(refused("logprobs", "21"), "logprobs = 21: must be an integer in [0, 20]");
  EXPECT_EQ(refused("do_sample", "maybe"), "do_sample = 'maybe': must be true or false");
  EXPECT_EQ(refused("stop_strings", ""), "stop_strings = text 0: is empty: each has 1 to 1024 bytes");
  EXPECT_NE(refused("stop_strings", std::string(1025, 'x')).find("has 1025 bytes"), std::string::npos);
  EXPECT_NE(refused("eos_token_id", "1,x").find("must be a token id"), std::string::npos);
  EXPECT_EQ(refused("top_q", "1"), "'top_q': is not an option of text generation; did you mean top_k?");
  EXPECT_EQ(refused("temprature", "1"), "'temprature': is not an option of text generation; did you mean temperature?");
  EXPECT_EQ(refused("zzzzzzzzz", "1"), "'zzzzzzzzz': is not an option of text generation");
}

TEST(Options, SixtyFourStopStringsAreTheLimit) {
  GenerationConfig config;
  for (int i = 0; i < 64; ++i) config.set("stop_strings", std::string(1024, static_cast<char>('0' + i)));
  expect_error<OptionError>([&] { config.set("stop_strings", "one more"); }, "at most 64");
}

TEST(Options, MembersSetByAProgramAreCheckedToo) {
  check({.max_new_tokens = 5, .temperature = 0.0, .seed = 7});
  expect_error<OptionError>([] { check({.temperature = -1.0}); }, "temperature = -1");
  expect_error<OptionError>([] { check({.temperature = std::numeric_limits<double>::quiet_NaN()}); }, "temperature");
  expect_error<OptionError>([] { check({.seed = ~std::uint64_t{0}}); }, "seed = 18446744073709551615: must be");
  expect_error<OptionError>([] { check({.stop_strings = {{""}}}); }, "is empty");
}

TEST(Options, ReadsConfigurationsOfTransformers) {
  const auto config = GenerationConfig::from_json(
      R"({"_from_model_config": true, "bos_token_id": 1, "eos_token_id": [2, 3], "do_sample": true, "temperature": 0.6,
          "top_p": 0.9, "num_beams": 1, "length_penalty": 1.0, "top_k": null, "transformers_version": "4.40.0"})");
  EXPECT_EQ(config.eos_token_id, (std::vector<TokenId>{2, 3}));
  EXPECT_EQ(config.temperature, 0.6);
  EXPECT_FALSE(config.top_k);
}

TEST(Options, RefusesWhatWouldChangeTheResult) {
  const auto refused = [](std::string_view json) {
    return message_of<OptionError>([&] { (void)GenerationConfig::from_json(json, "config.json"); });
  };
  EXPECT_EQ(
      refused(R"({"forced_decoder_ids": [4]})"),
      "config.json: forced_decoder_ids = [4]: is not available in this version of skald; remove it or set it to its "
      "default");
  EXPECT_NE(refused(R"({"speculation_type": "dflash"})").find("speculation_type"), std::string::npos);
  EXPECT_NE(refused(R"({"temprature": 1})").find("did you mean temperature?"), std::string::npos);
  EXPECT_EQ(refused(R"({"temperature": "0.7"})"), "config.json: temperature = '0.7': must be a number in [0, 1000000]");
  EXPECT_NE(refused("[]").find("must be an object"), std::string::npos);
  EXPECT_NE(refused(R"({"max_tokens": 4})").find("did you mean max_new_tokens?"), std::string::npos);
}

TEST(Options, ListsOfTokensAndBiases) {
  const GenerationConfig config = GenerationConfig::from_json(
      R"({"bad_words_ids": [[1, 2], [3]], "sequence_bias": [[[4, 5], -1.5]], "logit_bias": {"7": 2, "8": -100},)"
      R"( "exponential_decay_length_penalty": [3, 1.1]})");
  EXPECT_EQ(config.bad_words_ids, (std::vector<std::vector<TokenId>>{{1, 2}, {3}}));
  EXPECT_EQ(config.sequence_bias, (std::vector<SequenceBias>{{{4, 5}, -1.5}}));
  EXPECT_EQ(GenerationConfig::from_json(R"json({"sequence_bias": {"(4, 5)": -1.5, "(6,)": 2}})json").sequence_bias,
            (std::vector<SequenceBias>{{{4, 5}, -1.5}, {{6}, 2}}));  // as transformers saves tuples
  const GenerationConfig infinite = GenerationConfig::from_json(R"({"sequence_bias": [[[4, 5], -Infinity]]})");
  EXPECT_EQ(infinite.sequence_bias->front().bias, -std::numeric_limits<double>::infinity());
  EXPECT_EQ(GenerationConfig::from_json(infinite.to_json()).sequence_bias, infinite.sequence_bias);
  EXPECT_EQ(config.logit_bias, (std::vector<LogitBias>{{.token = 7, .bias = 2}, {.token = 8, .bias = -100}}));
  EXPECT_EQ(config.exponential_decay_length_penalty, (LengthDecay{.start = 3, .factor = 1.1}));
  EXPECT_EQ(GenerationConfig::from_json(config.to_json()).to_json(), config.to_json());
  GenerationConfig typed;
  typed.set("--bad-words-ids", "[[1, 2], [3]]");
  EXPECT_EQ(typed.bad_words_ids, config.bad_words_ids);
  const auto refused = [&](std::string_view name, std::string_view value) {
    return message_of<OptionError>([&] { typed.set(name, value); });
  };
  EXPECT_NE(refused("bad_words_ids", "[1, 2]").find("[[ids], ...]"), std::string::npos);
  EXPECT_NE(refused("bad_words_ids", "[[]]").find("[[ids], ...]"), std::string::npos);
  EXPECT_NE(refused("bad_words_ids", "[[-1]]").find("-1"), std::string::npos);
  EXPECT_NE(refused("sequence_bias", "[[[1], \"x\"]]").find("bias"), std::string::npos);
  for (const std::string key : {"", "()", "(", "4", "(4 5)", "(4, -5)", "(4,,5)", "(x,)"}) {
    EXPECT_NE(refused("sequence_bias", "{\"" + key + "\": 1}").find("sequence_bias = "), std::string::npos) << key;
  }
  EXPECT_NE(refused("logit_bias", "{\"\": 1}").find("logit_bias"), std::string::npos);
  EXPECT_NE(refused("exponential_decay_length_penalty", "[1, 0]").find("(0, 1000]"), std::string::npos);
}

// transformers has tuples for keys of sequence_bias; its to_json_string() writes them as str() does.
TEST(Options, BiasesAsTransformersWritesThem) {
  const auto with_key = [](const std::string& key, const std::string& more = "") {
    return GenerationConfig::from_json("{\"sequence_bias\": {\"" + key + "\": 3.0" + more + "}}");
  };
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const GenerationConfig config = with_key("(1, 2)", ", \"(5,)\": -Infinity");
  EXPECT_EQ(config.sequence_bias, (std::vector<SequenceBias>{{{1, 2}, 3}, {{5}, -kInfinity}}));
  EXPECT_EQ(config.to_json(), R"({"sequence_bias":[[[1,2],3.0],[[5],-Infinity]]})");
  EXPECT_EQ(GenerationConfig::from_json(config.to_json()).sequence_bias, config.sequence_bias);
  for (const char* key : {"(a)", "(1 2)", "1.5", "(1,,2)", "", "()", "(-1,)", "(16777216,)"}) {
    EXPECT_THROW((void)with_key(key), OptionError) << key;
  }
}

TEST(Options, ALogitBiasIsBounded) {
  const auto refused = [](const std::string& bias) {
    return message_of<OptionError>(
        [&] { (void)GenerationConfig::from_json(R"({"logit_bias": {"7": )" + bias + "}}"); });
  };
  for (const char* bias : {"10000.5", "-10001", "1e30", "-1e30", "Infinity"}) {
    EXPECT_NE(refused(bias).find("a bias must be in [-10000, 10000], or -Infinity"), std::string::npos) << bias;
  }
  for (const char* bias : {"\"1\"", "true", "null", "[]"})
    EXPECT_THROW((void)GenerationConfig::from_json(R"({"logit_bias": {"7": )" + std::string(bias) + "}}"), OptionError);
  for (const char* never : {"-Infinity", "false"}) {
    const auto config = GenerationConfig::from_json(R"({"logit_bias": {"7": )" + std::string(never) + "}}");
    EXPECT_EQ(config.logit_bias->at(0).bias, -std::numeric_limits<double>::infinity());
  }
}

// transformers' GenerationConfig.from_model_config: the first of these parts, where the file itself does not say.
TEST(Options, LegacySettingsMayStandInAPartOfTheFile) {
  const auto read = [](const char* text) { return read_legacy_settings(json::parse(text, "f"), "f").to_json(); };
  EXPECT_EQ(read(R"({"num_beams": 4, "text_config": {"num_beams": 5, "top_k": 9, "hidden_size": 8}})"),
            R"({"top_k":9,"num_beams":4})");
  EXPECT_EQ(read(R"({"text_config": {"top_k": 9}, "decoder": {"min_length": 3}})"), R"({"min_length":3})");
  EXPECT_EQ(read(R"({"decoder": {}, "text_config": {"top_k": 9}})"), R"({"top_k":9})");
}

TEST(Options, AModelsOwnFileMayHoldUnknownFields) {
  const json::Value json = json::parse(R"({"chat_format": "chatml", "top_k": 20, "max_window_size": 6144})", "f");
  EXPECT_EQ(read_generation_config(json, "f", UnknownFields::notice).top_k, 20);
}

TEST(Options, OverKeepsTheHigherRank) {
  const GenerationConfig high{.temperature = 0.5};
  const GenerationConfig low{.temperature = 0.9, .top_k = 7};
  EXPECT_EQ(high.over(low).temperature, 0.5);
  EXPECT_EQ(high.over(low).top_k, 7);
}

TEST(Options, JsonGoesRoundTrip) {
  const GenerationConfig config{.max_new_tokens = 5,
                                .stop_strings = {{"a\"b", "\n"}},
                                .eos_token_id = {{4, 5}},
                                .do_sample = true,
                                .temperature = 0.1,
                                .seed = 12};
  EXPECT_EQ(GenerationConfig::from_json(config.to_json()).to_json(), config.to_json());
  EXPECT_EQ(config.to_json(),
            R"({"max_new_tokens":5,"stop_strings":["a\"b","\n"],"eos_token_id":[4,5],"do_sample":true,)"
            R"("temperature":0.1,"seed":12})");
}

// The page is made from the table: SKALD_UPDATE_DOCS=1 writes it anew.
TEST(Options, ReferencePageIsCurrent) {
  const auto path = std::filesystem::path(SKALD_TEST_DATA).parent_path().parent_path() / "docs" / "options.md";
  if (std::getenv("SKALD_UPDATE_DOCS") != nullptr) std::ofstream(path) << option_reference();
  std::ifstream file(path);
  std::stringstream page;
  page << file.rdbuf();
  EXPECT_EQ(page.str(), option_reference()) << "run test_decode once with SKALD_UPDATE_DOCS=1";
}

}  // namespace
}  // namespace skald::decode
