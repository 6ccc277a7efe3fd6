#include "decode/idle_options.h"

#include <gtest/gtest.h>

#include "decode/resolve.h"
#include "skald/error.h"
#include "support/expect_error.h"

namespace skald::decode {
namespace {

using test::expect_error;

struct IdleCase {
  const char* json;  // options of the call
  const char* told;  // the notices, one a line
};

class IdleOptions : public testing::TestWithParam<IdleCase> {};

TEST_P(IdleOptions, AreTold) {
  const GenerationConfig request = GenerationConfig::from_json(GetParam().json);
  const GenerationConfig file{.eos_token_id = {{2}}};
  std::string told;
  for (const Notice& notice : resolve(request, file, Door::library).notices) told += to_string(notice) + "\n";
  EXPECT_EQ(told, GetParam().told);
}

INSTANTIATE_TEST_SUITE_P(
    Decode, IdleOptions,
    testing::Values(
        IdleCase{"{}", ""}, IdleCase{R"({"temperature": 0})", ""},
        IdleCase{
            R"({"do_sample": false, "temperature": 0.7, "top_p": 0.9})",
            "temperature = 0.7: has no effect: nothing is sampled\ntop_p = 0.9: has no effect: nothing is sampled\n"},
        IdleCase{R"({"do_sample": false, "temperature": 1.0, "top_p": 1.0, "top_k": 0, "min_p": 0.0})", ""},
        IdleCase{R"({"do_sample": false, "top_k": 5, "min_p": 0.1, "typical_p": 0.9})",
                 "top_k = 5: has no effect: nothing is sampled\nmin_p = 0.1: has no effect: nothing is sampled\n"
                 "typical_p = 0.9: has no effect: nothing is sampled\n"},
        IdleCase{R"({"do_sample": false, "epsilon_cutoff": 0.1, "eta_cutoff": 0.1, "top_h": 0.5})",
                 "epsilon_cutoff = 0.1: has no effect: nothing is sampled\neta_cutoff = 0.1: has no effect: nothing is "
                 "sampled\ntop_h = 0.5: has no effect: nothing is sampled\n"},
        IdleCase{R"({"penalty_alpha": 0.6, "top_k": 4})", ""},
        IdleCase{R"({"penalty_alpha": 0.6, "do_sample": true})",
                 "penalty_alpha = 0.6: has no effect: contrastive search neither samples nor has beams\n"},
        IdleCase{
            R"({"length_penalty": 2, "early_stopping": true})",
            "length_penalty = 2.0: has no effect: there is one beam\nearly_stopping = true: has no effect: there is "
            "one beam\n"},
        IdleCase{R"({"num_beams": 2, "length_penalty": 2, "early_stopping": true})", ""},
        IdleCase{R"({"num_beams": 2, "prompt_lookup_num_tokens": 4})",
                 "prompt_lookup_num_tokens = 4: has no effect: drafts are for greedy decoding and sampling\n"},
        IdleCase{R"({"max_matching_ngram_size": 3})",
                 "max_matching_ngram_size = 3: has no effect: prompt_lookup_num_tokens is not set\n"},
        IdleCase{R"({"num_beams": 2, "dola_layers": "low"})",
                 "dola_layers = \"low\": has no effect: DoLa has neither beams nor contrastive search\n"},
        IdleCase{R"({"max_new_tokens": 5, "max_length": 9})",
                 "max_length = 9: has no effect: max_new_tokens goes before it\n"},
        IdleCase{R"({"min_new_tokens": 5, "min_length": 9})",
                 "min_length = 9: has no effect: min_new_tokens goes before it\n"},
        IdleCase{R"({"samplers": ["penalties", "top_k"], "repetition_penalty": 1.2, "top_k": 5, "top_p": 0.5})",
                 "top_p = 0.5: has no effect: it is not among samplers\n"},
        IdleCase{R"({"samplers": ["top_k"], "top_k": 5, "presence_penalty": 1, "repeat_last_n": 5})",
                 "presence_penalty = 1.0: has no effect: it is not among samplers\n"},
        IdleCase{R"({"mirostat": 2, "top_k": 5, "xtc_probability": 0.5, "xtc_threshold": 0.2})",
                 "top_k = 5: has no effect: mirostat takes its place\nxtc_probability = 0.5: has no effect: mirostat "
                 "takes its place\n"},
        IdleCase{
            R"({"dry_base": 2, "mirostat_tau": 2, "dynatemp_exponent": 2, "repeat_last_n": 5})",
            "dynatemp_exponent = 2.0: has no effect: dynatemp_range is not set\nmirostat_tau = 2.0: has no effect: "
            "mirostat is off\nrepeat_last_n = 5: has no effect: there is no repetition, frequency or presence "
            "penalty\ndry_base = 2.0: has no effect: dry_multiplier is not set\n"},
        IdleCase{R"({"guide_strength": 2, "attributes": {"a": {"positive": "x", "negative": "y"}}})",
                 "guide_strength = 2.0: has no effect: guide_attribute names none without a strength of its own\n"
                 "attributes = {\"a\":{\"positive\":\"x\",\"negative\":\"y\"}}: has no effect: guide_attribute names "
                 "none\n"},
        IdleCase{R"({"guide_attribute": "cheerful=2,formal=1", "guide_strength": 2})",
                 "guide_strength = 2.0: has no effect: guide_attribute names none without a strength of its own\n"},
        IdleCase{R"({"guide_attribute": "cheerful=2,formal", "guide_strength": 2})", ""},
        IdleCase{R"({"negative_prompt": "x"})", "negative_prompt = \"x\": has no effect: guidance_scale is not set\n"},
        IdleCase{R"({"negative_prompt_ids": [4], "guidance_scale": 1.5})", ""},
        IdleCase{R"({"num_assistant_tokens": 4, "num_assistant_tokens_schedule": "constant"})",
                 "num_assistant_tokens = 4: has no effect: no draft model is loaded\n"
                 "num_assistant_tokens_schedule = \"constant\": has no effect: nothing is drafted\n"},
        IdleCase{R"({"prompt_lookup_num_tokens": 4, "num_assistant_tokens_schedule": "constant"})", ""},
        IdleCase{R"({"prompt_lookup_num_tokens": 4, "profile": "hf", "do_sample": true})",
                 "prompt_lookup_num_tokens = 4: has no effect: in this profile all rows of a call take one step at a "
                 "time\n"},
        IdleCase{R"({"assistant_confidence_threshold": 0.5, "num_assistant_tokens": 0})",
                 "assistant_confidence_threshold = 0.5: has no effect: no draft model drafts\n"},
        IdleCase{R"({"decoder_start_token_id": 4})",
                 "decoder_start_token_id = 4: has no effect: the model has no encoder\n"},
        IdleCase{R"({"adapter_scale": 2})", "adapter_scale = 2.0: has no effect: no adapter is named\n"},
        IdleCase{R"({"include_stop": true})", "include_stop = true: has no effect: there are no stop_strings\n"},
        IdleCase{R"({"include_stop": true, "stop_strings": "x"})", ""},
        IdleCase{R"({"eos_token_id": [], "min_new_tokens": 3})",
                 "min_new_tokens = 3: has no effect: no end-of-sequence token is known\n"},
        IdleCase{R"({"use_cache": true, "low_memory": false})", ""},
        IdleCase{
            R"({"use_cache": false})",
            "use_cache = false: has no effect: keys and values are always kept: computing them again gives the same "
            "text\n"}));

TEST(PassiveOptions, AreAcceptedWithANoteOfWhatHolds) {
  const auto config = GenerationConfig::from_json(
      R"({"cache_implementation": "quantized", "cache_config": {"nbits": 4}, "max_cache_len": 100, "use_cache": false,
          "compile_config": {"mode": "default"}, "disable_compile": true, "low_memory": true, "synced_gpus": true,
          "prefill_chunk_size": 8, "return_legacy_cache": true, "transformers_version": "5.23.0"})");
  EXPECT_EQ(config.passive.size(), 10U);
  const auto notices = resolve(config, {}, Door::library).notices;
  ASSERT_EQ(notices.size(), 10U);
  for (const Notice& notice : notices) EXPECT_TRUE(notice.message.starts_with("has no effect: ")) << notice.option;
  EXPECT_EQ(GenerationConfig::from_json(config.to_json()).passive, config.passive);
  EXPECT_TRUE(resolve({}, config, Door::library).notices.empty());  // a model's file is no concern of its user
}

TEST(IdleOptions, DependOnWhatIsLoaded) {
  const auto told = [](const char* json, const ModelFacts& model) {
    const auto notices = resolve(GenerationConfig::from_json(json), {}, Door::library, model).notices;
    return notices.empty() ? std::string() : to_string(notices[0]);
  };
  const ModelFacts same{.has_draft = true}, other{.has_draft = true, .draft_reads_otherwise = true};
  EXPECT_EQ(told(R"({"decoder_start_token_id": 4})", {.encodes = true}), "");
  EXPECT_EQ(told(R"({"num_assistant_tokens": 4, "assistant_confidence_threshold": 0.5})", same), "");
  EXPECT_EQ(told(R"({"num_assistant_tokens": 4, "prompt_lookup_num_tokens": 2})", same),
            "num_assistant_tokens = 4: has no effect: prompt_lookup_num_tokens goes before it");
  EXPECT_EQ(told(R"({"num_assistant_tokens": 4, "num_beams": 2})", same),
            "num_assistant_tokens = 4: has no effect: drafts are for greedy decoding and sampling");
  EXPECT_EQ(told(R"({"num_assistant_tokens": 4, "assistant_early_exit": 2})", {}), "");
  EXPECT_EQ(told(R"({"prompt_lookup_num_tokens": 4, "assistant_early_exit": 2})", {}),
            "assistant_early_exit = 2: has no effect: prompt_lookup_num_tokens goes before it");
  EXPECT_EQ(told(R"({"target_lookbehind": 4})", other), "");
  EXPECT_EQ(told(R"({"target_lookbehind": 4})", same),
            "target_lookbehind = 4: has no effect: no draft model with a tokenizer of its own drafts");
}

TEST(PassiveOptions, AreCheckedAndReachedByName) {
  GenerationConfig config;
  config.set("--use-cache", "false");
  config.set("cache_config", R"({"nbits": 4})");
  config.set("max_cache_len", "64");
  config.set("cache_implementation", "static");
  EXPECT_EQ(config.passive, (std::map<std::string, std::string>{{"cache_config", R"({"nbits":4})"},
                                                                {"cache_implementation", R"("static")"},
                                                                {"max_cache_len", "64"},
                                                                {"use_cache", "false"}}));
  expect_error<OptionError>([&] { config.set("use_cache", "maybe"); }, "use_cache = 'maybe': must be true or false");
  expect_error<OptionError>([&] { config.set("max_cache_len", "0"); }, "max_cache_len = 0: must be an integer in [1,");
  expect_error<OptionError>([&] { config.set("cache_implementation", "fast"); }, "'fast': must be one of dynamic");
  expect_error<OptionError>([] { (void)GenerationConfig::from_json(R"({"cache_config": 4})"); }, "must be an object");
}

TEST(ForeignOptions, WhatWouldChangeTheTextIsRefusedByName) {
  const auto refused = [](const char* json) {
    return test::message_of<OptionError>([&] { (void)GenerationConfig::from_json(json, "f.json"); });
  };
  EXPECT_EQ(refused(R"({"use_mtp": true})"),
            "f.json: use_mtp = true: is not available in this version of skald; remove it or set it to its default: a "
            "draft model or prompt_lookup_num_tokens drafts instead");
  EXPECT_NE(refused(R"({"speculation_type": "dflash"})").find("speculation_type = 'dflash'"), std::string::npos);
  EXPECT_NE(refused(R"({"custom_generate": "repo/name"})").find("is never run"), std::string::npos);
  EXPECT_EQ(GenerationConfig::from_json(R"({"use_mtp": false, "speculation_type": null})").to_json(), "{}");
  GenerationConfig config;
  expect_error<UnsupportedError>([&] { config.set("--use-mtp", "true"); }, "is not available in this version");
}

}  // namespace
}  // namespace skald::decode
