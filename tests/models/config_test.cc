// config.json into settings: what transformers makes of it, and what is refused and how.
#include "models/config.h"

#include <gtest/gtest.h>

#include <cmath>

#include "json/value.h"
#include "models/registry.h"
#include "skald/error.h"

namespace skald::models {
namespace {

TEST(RopeConfig, FrequenciesEqualTheReference) {
  const json::Value cases = json::parse_file(SKALD_TEST_DATA "/models/rope.json", {.nodes = 1U << 22});
  std::size_t different = 0;
  std::size_t compared = 0;
  for (const json::Value& c : cases.as_array()) {
    const json::Fields fields(*c.find("config"), "config.json");
    SCOPED_TRACE(json::dump(*c.find("config")));
    const auto rope = read_rope_settings(fields, c.find("head_dim")->as_integer(),
                                         fields.need_integer("max_position_embeddings", 1, 1 << 30));
    const auto frequencies = nn::rope_frequencies(rope, c.find("length")->as_integer());
    const auto& wanted = c.find("inv_freq")->as_array();
    ASSERT_EQ(frequencies.size(), wanted.size());
    EXPECT_EQ(nn::rope_attention_scaling(rope), static_cast<float>(c.find("scaling")->as_number()));
    for (std::size_t i = 0; i < wanted.size(); ++i, ++compared) {
      const auto value = static_cast<float>(wanted[i].as_number());
      if (frequencies[i] != value) ++different;
      ASSERT_NEAR(frequencies[i], value, 2e-7 * value) << "length " << c.find("length")->as_integer() << " index " << i;
    }
  }
  EXPECT_LE(different * 100, compared * 2) << different << " of " << compared;  // pow of the reference is not exact
}

constexpr const char* kGood = R"({"model_type": "llama", "vocab_size": 160, "hidden_size": 48, "intermediate_size": 72,
  "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 256,
  "rms_norm_eps": 1e-5})";

// kGood with `key` replaced by the JSON `value`.
json::Value changed(const std::string& key, const std::string& value) {
  const json::Value good = json::parse(kGood, "config.json");
  json::Object object;
  for (const json::Member& member : good.as_object()) {
    if (member.key != key) object.push_back({member.key, member.value});
  }
  object.push_back({key, json::parse(value, "config.json")});
  return {std::move(object)};
}

std::string message_of(const json::Value& config) {
  try {
    static_cast<void>(read_decoder_config(json::Fields(config, "config.json"), {.max_positions = 2048}));
  } catch (const Error& error) {
    return error.what();
  }
  return "accepted";
}

TEST(DecoderConfig, EveryWrongValueNamesKeyValueAndRange) {
  const auto expect = [](const char* key, const char* value, std::initializer_list<const char*> parts) {
    const std::string message = message_of(changed(key, value));
    for (const char* part : parts)
      EXPECT_NE(message.find(part), std::string::npos) << key << " " << value << ": " << message;
    EXPECT_NE(message.find(key), std::string::npos) << message;
  };
  for (const char* key :
       {"vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads"}) {
    for (const char* value : {"\"4096\"", "4096.5", "1e30", "-1", "0", "null", "true", "[]", "99999999999"}) {
      expect(key, value, {"config.json", "must be an integer in [1, "});
    }
  }
  for (const char* key : {"num_key_value_heads", "max_position_embeddings", "head_dim"}) {
    for (const char* value : {"\"4\"", "4.5", "-1", "0", "1e30"}) expect(key, value, {"must be an integer in ["});
  }
  expect("num_key_value_heads", "3", {"must divide num_attention_heads, which is 4"});
  expect("num_attention_heads", "5", {"must divide"});
  expect("head_dim", "7", {"even head_dim, not 7"});
  expect("rms_norm_eps", "\"1e-5\"", {"must be a number in [0, 1]"});
  expect("tie_word_embeddings", "1", {"must be true or false"});
  expect("hidden_act", "\"mish\"", {"'mish'", "known are silu"});
  expect("hidden_act", "7", {"must be a string"});
  expect("rope_theta", "\"x\"", {"must be a number in"});
  expect("rope_theta", "0", {"must be a number in"});
  expect("rope_scaling", "5", {"must be an object"});
  expect("rope_scaling", R"({"type": "fancy"})", {"'fancy'", "known are default, linear"});
  expect("rope_scaling", R"({"type": "linear"})", {"rope_scaling.factor", "is missing"});
  expect("rope_scaling", R"({"type": "linear", "factor": "2"})", {"rope_scaling.factor", "must be a number in"});
  expect("rope_scaling", R"({"rope_type": "llama3", "factor": 8})", {"low_freq_factor"});
  expect("rope_scaling", R"({"rope_type": "longrope", "short_factor": [1, 2], "long_factor": [1]})", {"= 6 numbers"});
  expect("rope_parameters", R"({"full_attention": {"rope_type": "default"}})", {"one set of rope parameters"});
  expect("quantization_config", R"({"bits": 4})", {"quantised checkpoints are not read"});
}

TEST(DecoderConfig, UnknownArchitecturesListTheKnownOnes) {
  const json::Value config = changed("model_type", "\"unheard_of\"");
  try {
    static_cast<void>(find_architecture(json::Fields(config, "config.json")));
    FAIL();
  } catch (const UnsupportedError& error) {
    for (const Architecture& a : architectures()) {
      EXPECT_NE(std::string(error.what()).find(a.model_type), std::string::npos) << error.what();
    }
  }
}

TEST(DecoderConfig, AnUnknownModelTypeIsReadAsTheClassThatTheConfigNames) {
  json::Object object = changed("model_type", "\"llamalike\"").as_object();
  object.push_back({"architectures", json::parse(R"([5, "LlamalikeModel", "MistralForCausalLM"])", "test")});
  const json::Value config(std::move(object));
  EXPECT_EQ(find_architecture(json::Fields(config, "config.json")).model_type, "mistral");
}

TEST(DecoderConfig, SilenceMeansTheFamilysDefaults) {
  const json::Value config = json::parse(kGood, "config.json");
  const DecoderConfig c = read_decoder_config(json::Fields(config, "config.json"), {.max_positions = 2048});
  EXPECT_EQ(c.head_dim, 12);
  EXPECT_EQ(c.activation, kernels::Activation::silu);
  EXPECT_FALSE(c.tie_word_embeddings);
  EXPECT_EQ(c.rope.type, "default");
  EXPECT_EQ(c.rope.theta, 10000.0);
  EXPECT_EQ(read_window(json::Fields(config, "config.json")), 4096);
  const json::Value windows = changed("layer_types", R"(["full_attention", "chunked_attention"])");
  EXPECT_THROW(read_windows_by_layer(json::Fields(windows, "config.json"), 2), UnsupportedError);
  EXPECT_THROW(read_windows_by_layer(json::Fields(windows, "config.json"), 3), FormatError);
}

}  // namespace
}  // namespace skald::models
