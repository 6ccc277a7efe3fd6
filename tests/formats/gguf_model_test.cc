// What is made of a file's metadata and tensors; that models compute the right thing is asked in tests/models.
#include "formats/gguf_model.h"

#include <gtest/gtest.h>

#include <map>
#include <span>
#include <string>
#include <vector>

#include "formats/gguf_writer.h"
#include "skald/error.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace skald {
namespace {

using Numbers = std::map<std::string, std::uint32_t>;
using Shapes = std::map<std::string, std::vector<std::uint64_t>>;

constexpr std::uint64_t kHidden = 8;

// A file of `architecture` with what all of them need, `numbers` under its prefix, and tensors of 1, 2, 3 and so on.
std::string write(const test::TempDir& dir, const std::string& architecture, const Numbers& numbers, Shapes shapes) {
  Numbers all = {{"context_length", 64},     {"embedding_length", kHidden}, {"block_count", 1},
                 {"feed_forward_length", 8}, {"attention.head_count", 2},   {"attention.head_count_kv", 1}};
  for (const auto& [key, number] : numbers) all[key] = number;
  std::vector<GgufField> fields = {{"general.architecture", architecture}};
  const std::string prefix = architecture + ".";
  for (const auto& [key, number] : all) fields.push_back({prefix + key, number});
  shapes["token_embd.weight"] = {5, kHidden};
  std::vector<float> values(5 * kHidden);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i + 1);
  std::vector<GgufTensor> tensors;
  for (const auto& [name, shape] : shapes) {
    const std::uint64_t n = shape.size() == 2 ? shape[0] * shape[1] : shape[0];
    tensors.push_back({name, shape, std::span(values).first(n)});
  }
  const auto path = dir.path() / "m.gguf";
  write_gguf(path, fields, tensors);
  return path.string();
}

json::Value config_of(const std::string& architecture, const Numbers& numbers = {}, const Shapes& shapes = {}) {
  const test::TempDir dir;
  return read_gguf_config(*open_gguf(write(dir, architecture, numbers, shapes)));
}

std::string type_of(const std::string& architecture, const Numbers& numbers = {}) {
  return std::string(config_of(architecture, numbers).find("model_type")->as_string());
}

TEST(GgufModelConfig, NamesTheFamily) {
  EXPECT_EQ(type_of("command-r"), "cohere");
  EXPECT_EQ(type_of("phi2"), "phi");
  EXPECT_EQ(type_of("qwen3moe", {{"expert_count", 4}, {"expert_used_count", 2}, {"expert_feed_forward_length", 8}}),
            "qwen3_moe");
  EXPECT_EQ(type_of("starcoder"), "gpt_bigcode");
  EXPECT_EQ(type_of("gptneox"), "gpt_neox");
  EXPECT_EQ(type_of("gemma3"), "gemma3_text");
  for (const char* const llama : {"internlm2", "exaone"}) EXPECT_EQ(type_of(llama), "llama");
  for (const char* const same : {"baichuan", "bloom", "cohere2", "falcon", "glm4", "gemma", "granite", "nemotron",
                                 "olmo", "olmo2", "smollm3", "stablelm", "starcoder2"}) {
    EXPECT_EQ(type_of(same), same);
  }
}

// As the conversion of Phi-3 writes null.
TEST(GgufModelConfig, AWindowOfZeroIsNone) {
  EXPECT_EQ(config_of("phi3", {{"attention.sliding_window", 0}}).find("sliding_window"), nullptr);
  EXPECT_EQ(config_of("phi3").find("sliding_window"), nullptr);
  EXPECT_EQ(config_of("phi3", {{"attention.sliding_window", 7}}).find("sliding_window")->as_integer(), 7);
  test::expect_error<FormatError>(
      [] {
        config_of("phi3", {{"context_length", 0}});
      },
      "phi3.context_length = 0: must be in [1, ");
}

TEST(GgufModelConfig, ThePartOfAHeadThatIsRotatedIsSaid) {
  const auto part = [](std::uint32_t n) {
    return config_of("nemotron", {{"rope.dimension_count", n}}).find("partial_rotary_factor")->as_number();
  };
  EXPECT_EQ(part(4), 1);  // the family takes a half for granted
  EXPECT_EQ(part(2), 0.5);
  EXPECT_EQ(config_of("llama", {{"rope.dimension_count", 4}}).find("partial_rotary_factor"), nullptr);
  test::expect_error<FormatError>(
      [] {
        config_of("llama", {{"rope.dimension_count", 2}});
      },
      "llama.rope.dimension_count = 2: must be the size of a head, which is 4");
}

TEST(GgufModelConfig, TensorsThatAreThereSaySettings) {
  const auto says = [](const char* key, const Shapes& shapes) {
    return config_of("stablelm", {}, shapes).find(key)->as_bool();
  };
  EXPECT_TRUE(says("use_parallel_residual", {}));
  EXPECT_FALSE(says("use_parallel_residual", {{"blk.0.ffn_norm.weight", {kHidden}}}));
  EXPECT_FALSE(says("use_qkv_bias", {}));
  EXPECT_TRUE(says("use_qkv_bias", {{"blk.0.attn_q.bias", {kHidden}}}));
  EXPECT_FALSE(says("use_qk_norm", {}));
  EXPECT_TRUE(says("use_qk_norm", {{"blk.0.attn_q_norm.weight", {4}}}));
}

// Its norms multiply by one more than the checkpoint's weight and add the bias as it is.
TEST(GgufModelWeights, BiasesOfNemotronsNormsStay) {
  const test::TempDir dir;
  const std::string path = write(dir, "nemotron", {}, {{"blk.0.attn_norm.weight", {3}}, {"blk.0.attn_norm.bias", {3}}});
  const auto source = open_gguf_weights(path);
  std::map<std::string, std::vector<float>> found;
  for (const TensorInfo& tensor : source->tensors()) {
    std::vector<float>& values = found[tensor.name];
    values.resize(tensor.bytes / sizeof(float));
    source->read(tensor, 0, std::as_writable_bytes(std::span(values)));
  }
  EXPECT_EQ(found["model.layers.0.input_layernorm.weight"], (std::vector<float>{0, 1, 2}));
  EXPECT_EQ(found["model.layers.0.input_layernorm.bias"], (std::vector<float>{1, 2, 3}));
}

// The file has all queries, all keys, all values; the checkpoint those of each group of heads together.
TEST(GgufModelWeights, GroupsOfHeadsAreTogetherAgain) {
  const test::TempDir dir;
  const Numbers heads = {{"attention.head_count", 4}, {"attention.head_count_kv", 2}};
  const std::string path = write(dir, "falcon", heads, {{"blk.0.attn_qkv.weight", {16, 2}}});
  const auto source = open_gguf_weights(path);
  const TensorInfo* const tensor = source->find("transformer.h.0.self_attention.query_key_value.weight");
  ASSERT_NE(tensor, nullptr);
  std::vector<float> expected;  // of heads of two rows of two numbers: queries 0 and 1, key 0, value 0, and so on
  for (const int head : {0, 1, 4, 6, 2, 3, 5, 7}) {
    for (int i = 1; i <= 4; ++i) expected.push_back(static_cast<float>(4 * head + i));
  }
  std::vector<float> values(32);
  source->read(*tensor, 0, std::as_writable_bytes(std::span(values)));
  EXPECT_EQ(values, expected);
  for (std::size_t begin = 0; begin < values.size(); ++begin) {  // any part of it is the same
    std::vector<float> part(std::min<std::size_t>(7, values.size() - begin));
    source->read(*tensor, begin * sizeof(float), std::as_writable_bytes(std::span(part)));
    EXPECT_TRUE(std::equal(part.begin(), part.end(), expected.begin() + static_cast<std::ptrdiff_t>(begin)));
  }
  const std::string odd = write(dir, "falcon", heads, {{"blk.0.attn_qkv.weight", {12, 2}}});
  test::expect_error<FormatError>(
      [&] { open_gguf_weights(odd); },
      "tensor 'blk.0.attn_qkv.weight' = [12,2]: must have as many rows for each of 4 heads");
}

TEST(GgufModelConfig, TheSizeThatIsOtherwiseIsToldByItsLayers) {
  EXPECT_EQ(config_of("gemma3", {{"block_count", 62}}).find("query_pre_attn_scalar")->as_integer(), 168);
  test::expect_error<UnsupportedError>(
      [] {
        config_of("baichuan", {{"block_count", 40}});
      },
      "baichuan.block_count = 40: the 13 B model is not read");
}

TEST(GgufModelConfig, SettingsInsideOfOthersAndFlags) {
  const json::Value mpt = config_of("mpt", {{"attention.max_alibi_bias", 8}});
  EXPECT_EQ(mpt.find("attn_config")->find("alibi_bias_max")->as_integer(), 8);
  EXPECT_EQ(config_of("gptneox", {{"rope.dimension_count", 2}}).find("rotary_pct")->as_number(), 0.5);
  const auto biased = [](const char* tensor) {
    return config_of("gptneox", {}, {{tensor, {16}}}).find("attention_bias")->as_bool();
  };
  EXPECT_TRUE(biased("blk.0.attn_qkv.bias"));
  EXPECT_FALSE(biased("blk.0.attn_output.bias"));
}

}  // namespace
}  // namespace skald
