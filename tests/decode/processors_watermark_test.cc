// Watermarks and their detectors against transformers': tests/decode/make_watermark_goldens.py.
#include <gtest/gtest.h>

#include "base/random.h"
#include "decode/draw.h"
#include "decode/options.h"
#include "decode/processors/synthid.h"
#include "decode/processors_support.h"
#include "decode/watermark_config.h"
#include "skald/error.h"
#include "skald/watermark.h"

namespace skald::decode {
namespace {

json::Value goldens() { return json::parse_file(std::string(SKALD_TEST_DATA) + "/decode/watermarks.json"); }

std::vector<TokenId> ids_of(const json::Value& list) {
  std::vector<TokenId> ids;
  for (const auto& id : list.as_array()) ids.push_back(static_cast<TokenId>(id.as_integer()));
  return ids;
}

std::vector<float> floats_of(const json::Value& list) {
  std::vector<float> out;
  for (const auto& x : list.as_array()) out.push_back(x.is_null() ? kOut : static_cast<float>(x.as_number()));
  return out;
}

// To the bound of parity: the reference multiplies in f32, where 1 - (probability of winning) cancels.
void expect_near(const std::vector<float>& ours, const std::vector<float>& theirs) {
  for (std::size_t t = 0; t < theirs.size(); ++t) {
    if (theirs[t] == kOut || ours[t] == kOut) {
      EXPECT_EQ(ours[t], theirs[t]) << "token " << t;
    } else {
      EXPECT_NEAR(ours[t], theirs[t], 1e-4 * std::max(1.0F, std::abs(theirs[t]))) << "token " << t;
    }
  }
}

// Also stepping back and going on from a clone.
TEST(Watermarks, EqualThoseOfTransformers) {
  const json::Value all = goldens();
  for (const json::Value& golden : all.find("runs")->as_array()) {
    SCOPED_TRACE(json::dump(*golden.find("config")));
    GenerationConfig config;
    config.watermarking_config = read_watermarking_config(*golden.find("config"), "golden", "config");
    const auto history = ids_of(*golden.find("history"));
    const std::int64_t prompt_length = golden.find("prompt_length")->as_integer();
    const auto& steps = golden.find("steps")->as_array();
    const std::size_t vocab = steps[0].find("logits")->as_array().size();
    ProcessorChain chain =
        build_chain(config, {.prompt_length = prompt_length, .encoder_input = {}, .vocab_size = vocab});
    const auto check = [&](ProcessorChain& of, std::size_t step) {
      const auto seen = std::span(history).first(static_cast<std::size_t>(prompt_length) + step);
      const auto scores =
          after(of, floats_of(*steps[step].find("logits")), {.history = seen, .prompt_length = prompt_length});
      expect_near(scores, floats_of(*steps[step].find("scores")));
    };
    for (std::size_t step = 0; step < steps.size(); ++step) {
      check(chain, step);
      chain.accept(history[static_cast<std::size_t>(prompt_length) + step]);
    }
    chain.rewind(static_cast<std::int64_t>(steps.size() - 2));
    ProcessorChain clone = chain;
    for (std::size_t step = 2; step < steps.size(); ++step) {
      check(clone, step);
      clone.accept(history[static_cast<std::size_t>(prompt_length) + step]);
    }
  }
}

TEST(Watermarks, DetectorsEqualThoseOfTransformers) {
  const json::Value all = goldens();
  for (const json::Value& golden : all.find("detections")->as_array()) {
    SCOPED_TRACE(json::dump(golden));
    WatermarkDetector::Options options;
    if (const auto* bos = golden.find("bos")) options.bos_token_id = static_cast<TokenId>(bos->as_integer());
    if (const auto* eos = golden.find("eos")) options.eos_token_id = static_cast<TokenId>(eos->as_integer());
    if (const auto* once = golden.find("once")) options.ignore_repeated_ngrams = once->as_bool();
    const WatermarkDetector detector(parse_watermarking_config(json::dump(*golden.find("config"))), 60, options);
    const WatermarkScore score = detector.detect(ids_of(*golden.find("ids")));
    const json::Value& expected = *golden.find("score");
    EXPECT_EQ(score.n_scored, expected.find("n_scored")->as_integer());
    EXPECT_NEAR(score.mean, expected.find("mean")->as_number(), 1e-9);
    if (const auto* weighted = expected.find("weighted_mean")) {
      EXPECT_NEAR(score.weighted_mean, weighted->as_number(), 1e-9);
      continue;
    }
    EXPECT_EQ(score.n_green, expected.find("n_green")->as_integer());
    EXPECT_NEAR(score.z_score, expected.find("z_score")->as_number(), 1e-9);
    EXPECT_NEAR(score.p_value, expected.find("p_value")->as_number(), 1e-6);
    EXPECT_EQ(score.watermarked, expected.find("watermarked")->as_bool());
  }
}

// What is marked is found; what is not, is not.
TEST(Watermarks, AreFound) {
  constexpr std::size_t kVocab = 300;
  for (const char* const text : {"{}", R"({"seeding_scheme": "selfhash", "context_width": 2})",
                                 R"({"keys": [3, 1, 4, 1, 5], "ngram_len": 3})"}) {
    SCOPED_TRACE(text);
    const WatermarkingConfig settings = parse_watermarking_config(text);
    for (const bool marked : {true, false}) {
      GenerationConfig config{.do_sample = true};
      if (marked) config.watermarking_config = settings;
      const std::vector<TokenId> prompt = {5, 6, 7};
      std::vector<TokenId> history = prompt;
      ProcessorChain chain = build_chain(config, {.prompt_length = 3, .encoder_input = {}, .vocab_size = kVocab});
      Candidates candidates(kVocab);
      std::mt19937 rng(9);
      for (std::uint32_t step = 0; step < 150; ++step) {
        auto logits = random_logits(rng, kVocab, false);
        for (float& logit : logits) logit /= 3;
        candidates.reset(logits);
        chain.apply({.history = history, .prompt_length = 3, .step = step}, candidates);
        history.push_back(draw(candidates, {.seed = 4, .step = step}));
        chain.accept(history.back());
      }
      const WatermarkScore score = WatermarkDetector(settings, kVocab).detect(std::span(history).subspan(3));
      EXPECT_EQ(score.watermarked, marked) << score.z_score;
    }
  }
}

std::string refused(std::string_view json) {
  GenerationConfig config;
  try {
    config.set("watermarking_config", json);
  } catch (const OptionError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(Watermarks, RefusalsNameTheField) {
  EXPECT_EQ(refused("{}"), "accepted");
  for (const auto& [json, part] : std::vector<std::pair<const char*, const char*>>{
           {"3", "must be an object"},
           {R"({"greenlist_ratio": 1})", "watermarking_config.greenlist_ratio = 1: must be a number in (0, 1)"},
           {R"({"bias": "2"})", "watermarking_config.bias"},
           {R"({"hashing_key": -1})", "watermarking_config.hashing_key = -1: must be an integer in [0, "},
           {R"({"seeding_scheme": "left"})", "must be lefthash or selfhash"},
           {R"({"context_width": 0})", "watermarking_config.context_width = 0"},
           {R"({"colour": 1})", "watermarking_config.colour"},
           {R"({"ngram_len": 5})", "watermarking_config.keys"},
           {R"({"keys": []})", "must be a list of 1 to 256 integers"},
           {R"({"keys": [1], "ngram_len": 1})", "watermarking_config.ngram_len = 1"},
           {R"({"keys": [1], "sampling_table_size": 16777217})", "[1, 16777216]"},
           {R"({"keys": [1], "bias": 2})", "watermarking_config.bias"}}) {
    EXPECT_NE(refused(json).find(part), std::string::npos) << refused(json);
  }
  const WatermarkDetector detector({GreenListWatermark()}, 10);
  EXPECT_THROW((void)detector.detect(std::vector<TokenId>{1}), OptionError);
  EXPECT_THROW((void)detector.detect(std::vector<TokenId>{1, 10}), OptionError);
  EXPECT_THROW(WatermarkDetector({GreenListWatermark{.greenlist_ratio = 2}}, 10), OptionError);
  EXPECT_THROW(WatermarkDetector({SynthIdWatermark()}, 10), OptionError);
}

TEST(Watermarks, AreSavedAsTransformersReadsThem) {
  for (const char* const text : {"{}", R"({"keys": [3, 1], "debug_mode": true})"}) {
    GenerationConfig config;
    config.set("watermarking_config", text);
    EXPECT_EQ(GenerationConfig::from_json(config.to_json()).watermarking_config, config.watermarking_config);
  }
}

}  // namespace
}  // namespace skald::decode
