// Models in GGUF files, against what transformers computed from the same weights (make_gguf_goldens.py).
#include "formats/gguf.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>

#include "formats/gguf_model.h"
#include "models/config_file.h"
#include "models/model_case.h"

namespace skald::models {
namespace {

std::filesystem::path data(const std::string& name) {
  return std::filesystem::path(SKALD_TEST_DATA) / "gguf" / (name + ".gguf");
}

template <typename T>
std::vector<T> numbers_of(const GgufFile& file, const std::string& key) {
  const GgufArray& array = *file.get_array(key);
  std::vector<T> out(array.count);
  std::memcpy(out.data(), array.numbers.data(), out.size() * sizeof(T));
  return out;
}

class GgufModel : public testing::TestWithParam<std::string> {};

TEST_P(GgufModel, LogitsEqualTheReference) {
  const auto file = open_gguf(data(GetParam()));
  ModelCase c;
  c.folder = data(GetParam());
  c.prompt = numbers_of<std::int32_t>(*file, "test.prompt");
  const auto wanted = numbers_of<float>(*file, "test.logits");  // of the last rows
  ThreadPool pool(2);
  const auto model = load_model(c.folder, {.bits = 32, .strict = true}, pool);
  const auto state = make_pool(*model);
  const nn::SequenceId s = begin_case(*model, c, *state, pool);
  const auto logits = run_rows(*model, *state, pool, case_rows(c, s, 0, c.prompt.size()));
  const auto vocab = static_cast<std::size_t>(model->shape().vocab_size);
  const std::size_t rows = wanted.size() / vocab;
  float worst = 0;
  float largest = 0;
  for (std::size_t r = 0; r < rows; ++r) {
    const auto& row = logits.at(static_cast<std::int32_t>(c.prompt.size() - rows + r));
    for (std::size_t t = 0; t < vocab; ++t) {
      worst = std::max(worst, std::abs(row[t] - wanted[r * vocab + t]));
      largest = std::max(largest, std::abs(wanted[r * vocab + t]));
    }
  }
  EXPECT_GT(rows, 0U);
  EXPECT_LE(worst, 1e-4F * largest);
}

INSTANTIATE_TEST_SUITE_P(All, GgufModel,
                         testing::Values("llama", "llama-biases", "llama-q8_0", "llama-q4_0", "llama-linear", "mixtral",
                                         "qwen2", "qwen3", "qwen2moe", "gemma2", "phi3", "gpt2"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

// Whatever part of a tensor is read, its rows are where the checkpoint has them.
TEST(GgufWeights, PartsOfTensorsAreThoseOfTheWhole) {
  for (const std::string name : {"llama", "llama-q4_0", "gemma2", "mixtral"}) {
    const auto source = open_gguf_weights(data(name));
    for (const TensorInfo& tensor : source->tensors()) {
      std::vector<std::byte> whole(tensor.bytes);
      source->read(tensor, 0, whole);
      for (std::uint64_t begin = 0, step = 4; begin < tensor.bytes; begin += step, step = step * 3 + 4) {
        std::vector<std::byte> part(std::min(step, tensor.bytes - begin));
        source->read(tensor, begin, part);
        ASSERT_EQ(std::memcmp(part.data(), whole.data() + begin, part.size()), 0) << name << " " << tensor.name;
      }
    }
  }
}

TEST(GgufConfig, IsThatOfTheCheckpoint) {
  const json::Value config = read_config_file(data("llama").string()).value;
  EXPECT_EQ(config.find("model_type")->as_string(), "llama");
  EXPECT_EQ(config.find("vocab_size")->as_integer(), 96);
  EXPECT_EQ(config.find("num_key_value_heads")->as_integer(), 2);
  EXPECT_TRUE(config.find("tie_word_embeddings")->as_bool());
  EXPECT_FALSE(config.find("attention_bias")->as_bool());
  EXPECT_EQ(static_cast<float>(config.find("rms_norm_eps")->as_number()), 1e-5F);
  EXPECT_EQ(config.find("rope_scaling")->find("short_factor")->as_array().size(), 4U);
}

}  // namespace
}  // namespace skald::models
