// Models and tokenizers in GGUF files through the public door.
#include <gtest/gtest.h>

#include <filesystem>

#include "formats/gguf_writer.h"
#include "json/value.h"
#include "skald/model.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace skald {
namespace {

std::string data(const std::string& name) { return std::string(SKALD_TEST_DATA) + "/" + name; }

class GgufTokenizer : public testing::TestWithParam<std::string> {};

// The ids that `tokenizers` gives for the tokenizer.json that the file was made from.
TEST_P(GgufTokenizer, IdsAndTextsEqualTheReference) {
  const Tokenizer tokenizer = Tokenizer::load(data("gguf/tokenizer-" + GetParam() + ".gguf"));
  const std::string file = data("tokenizers/" + GetParam() + "/goldens.json");
  const json::Value goldens = json::parse_file(file);
  for (const json::Value& golden : goldens.as_array()) {
    const std::string& text = golden.find("text")->as_string();
    SCOPED_TRACE(text.substr(0, 100));
    std::vector<std::int32_t> ids;
    for (const json::Value& id : golden.find("ids")->as_array()) {
      ids.push_back(static_cast<std::int32_t>(id.as_integer()));
    }
    EXPECT_EQ(tokenizer.encode_ids(text, {.parse_special = !golden.find("plain")->as_bool()}), ids);
    EXPECT_EQ(tokenizer.decode(ids), golden.find("decoded")->as_string());
    EXPECT_EQ(tokenizer.decode(ids, true), golden.find("skipped")->as_string());
  }
}

INSTANTIATE_TEST_SUITE_P(All, GgufTokenizer, testing::Values("gpt2", "llama2", "llama3", "qwen2"),
                         [](const auto& info) { return info.param; });

TEST(GgufModel, GeneratesFromTokenIds) {
  const Model model = Model::load(data("gguf/llama-q8_0.gguf"), {.threads = 1});
  EXPECT_FALSE(model.has_tokenizer());
  EXPECT_EQ(model.info().format, "GGUF");
  EXPECT_EQ(model.info().dtype, "Q8_0");
  EXPECT_EQ(model.info().architecture, "llama");
  GenerationConfig config{.max_new_tokens = 5, .do_sample = false};
  const auto completions = model.generate(std::vector<TokenId>{1, 2, 3}, config);
  EXPECT_EQ(completions.at(0).token_ids.size(), 5U);
}

// BAD_INPUT 2b.16 to 2b.18: what is wrong is named with key and value.
class BadGguf : public testing::Test {
 protected:
  using Fields = std::vector<GgufField>;

  template <typename E = FormatError>
  void refuse(const Fields& changed, const std::string& message) {
    Fields fields = {{"general.architecture", "llama"},
                     {"llama.context_length", std::uint32_t{64}},
                     {"llama.embedding_length", std::uint32_t{32}},
                     {"llama.block_count", std::uint32_t{1}},
                     {"llama.feed_forward_length", std::uint32_t{32}},
                     {"llama.attention.head_count", std::uint32_t{4}},
                     {"llama.attention.head_count_kv", std::uint32_t{2}}};
    for (const GgufField& field : changed) {
      std::erase_if(fields, [&](const GgufField& f) { return f.key == field.key; });
      if (!std::holds_alternative<std::string>(field.value) || std::get<std::string>(field.value) != "(none)") {
        fields.push_back(field);
      }
    }
    const std::vector<float> values(8 * 32);
    const std::vector<GgufTensor> tensors = {{"token_embd.weight", {8, 32}, values}};
    write_gguf(dir_.path() / "m.gguf", fields, tensors);
    test::expect_error<E>([&] { Model::inspect(dir_.path() / "m.gguf"); }, message);
  }

  test::TempDir dir_;
};

TEST_F(BadGguf, Architecture) {
  refuse({{"general.architecture", "(none)"}}, "general.architecture: is missing: known are baichuan, bloom,");
  refuse({{"general.architecture", std::uint32_t{5}}}, "general.architecture = u32: must be a string");
  refuse<UnsupportedError>({{"general.architecture", "clip"}}, "general.architecture = 'clip': known are baichuan,");
}

TEST_F(BadGguf, OneOfSeveralFiles) {
  refuse({{"split.count", std::uint32_t{3}}},
         "is part 1 of 3 of a split model: its name must end in -00001-of-00003.gguf");
}

TEST_F(BadGguf, Settings) {
  const auto number = [](std::uint32_t n) { return n; };
  refuse({{"llama.block_count", number(0)}}, "llama.block_count = 0: must be in [1, 4096]");
  refuse({{"llama.block_count", number(1U << 31)}}, "llama.block_count = 2147483648: must be in [1, 4096]");
  refuse({{"llama.block_count", "(none)"}}, "llama.block_count: is missing");
  refuse({{"llama.block_count", "two"}}, "llama.block_count = string: must be a finite number");
  refuse({{"llama.attention.head_count", number(0)}}, "llama.attention.head_count = 0: must be in [1, 16384]");
  refuse({{"llama.attention.head_count_kv", number(3)}},
         "llama.attention.head_count_kv = 3: must divide llama.attention.head_count, which is 4");
  refuse({{"llama.attention.head_count", number(6)}, {"llama.attention.head_count_kv", number(6)}},
         "llama.attention.head_count = 6: must divide embedding_length, which is 32");
  refuse({{"llama.rope.dimension_count", number(10)}},
         "llama.rope.dimension_count = 10: must be the size of a head, which is 8");
  refuse({{"llama.context_length", number(0)}}, "llama.context_length = 0: must be in [1, 2147483648]");
  refuse({{"llama.expert_count", number(2)}, {"llama.expert_used_count", number(3)}},
         "llama.expert_used_count = 3: must be at most expert_count, which is 2");
  refuse({}, "tensor 'model.layers.0.input_layernorm.weight': is missing");
}

TEST_F(BadGguf, Tokenizer) {
  refuse<UnsupportedError>({{"tokenizer.ggml.model", "plamo2"}}, "tokenizer.ggml.model = 'plamo2': known are gpt2");
  refuse({{"tokenizer.ggml.model", "gpt2"}}, "tokenizer.ggml.tokens: is missing, or has no tokens");
}

TEST(GgufModel, FilesOfOtherKindsAreNamed) {
  const test::TempDir dir;
  const std::string path = dir.write("model.gguf", "hello");
  test::expect_error<PathError>(
      [&] { Model::load(path); },
      "model.gguf: is neither a GGUF file nor a PyTorch checkpoint: name the folder of the model");
  test::expect_error<PathError>([&] { Model::load("/dev/zero"); }, "/dev/zero: is a");
}

}  // namespace
}  // namespace skald
