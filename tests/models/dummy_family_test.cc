// A family as docs/add-a-model.md describes it: one maker, one row of the registry. What is added beside the loader is
// this file alone.
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>

#include "formats/safetensors_writer.h"
#include "models/config.h"
#include "models/model_case.h"
#include "models/registry.h"
#include "nn/blocks.h"
#include "skald/error.h"
#include "support/temp_dir.h"

namespace skald::models {
namespace {

// A table of followers: the logits of a token are its row of the embedding times every row. One layer that adds an MLP.
class Dummy final : public DecoderModel {
 public:
  Dummy(const json::Fields& fields, nn::WeightSource& w) {
    const auto vocab = static_cast<std::size_t>(fields.need_integer("vocab_size", 1, kMaxVocab));
    const auto width = static_cast<std::size_t>(fields.need_integer("width", 1, kMaxWidth));
    embedding_ = w.matrix("dummy.embedding.weight", vocab, width);
    mlp_.up_proj = w.linear("dummy.up", 2 * width, width, /*bias=*/true);
    mlp_.down_proj = w.linear("dummy.down", width, 2 * width);
    mlp_.activation = read_activation(fields, "activation", "relu");
    head_ = w.linear("dummy.embedding", vocab, width);
    shape_ = {.model_type = "dummy",
              .n_layers = 1,
              .hidden_size = static_cast<std::int64_t>(width),
              .vocab_size = static_cast<std::int64_t>(vocab)};
  }
  [[nodiscard]] StateLayout state_layout() const override { return {}; }  // it remembers nothing

 private:
  void embed(float* x, nn::Context& context) const override { nn::embed_rows(*embedding_, x, context); }
  void layer(int /*i*/, float* x, const nn::Context& context) const override { mlp_.add_to(x, {}, context); }
  [[nodiscard]] const nn::Norm* final_norm() const override { return nullptr; }
  [[nodiscard]] const nn::Linear& head() const override { return head_; }

  std::shared_ptr<const nn::PackedMatrix> embedding_;
  nn::Mlp mlp_;
  nn::Linear head_;
};

std::unique_ptr<DecoderModel> make_dummy(const json::Fields& fields, nn::WeightSource& weights) {
  return std::make_unique<Dummy>(fields, weights);
}

constexpr Architecture kRow{"dummy", "DummyForCausalLM", "dummy.", &make_dummy};

// embedding [3, 2], up [4, 2] + bias, down [2, 4]: every element a small number that is known.
float element(const std::string& name, std::size_t i) {
  const float sign = i % 3 == 1 ? -1.0F : 1.0F;
  return name.find("bias") != std::string::npos ? 0.25F : sign * static_cast<float>(1 + i % 5) / 4;
}

void write_dummy(const test::TempDir& folder, const std::string& config) {
  static_cast<void>(folder.write("config.json", config));
  const std::vector<TensorSpec> specs = {{"embedding.weight", DType::f32, {3, 2}},  // without the base prefix
                                         {"up.weight", DType::f32, {4, 2}},
                                         {"up.bias", DType::f32, {4}},
                                         {"down.weight", DType::f32, {2, 4}}};
  write_safetensors(std::filesystem::path(folder.path()) / "model.safetensors", specs,
                    [](const TensorSpec& spec, std::uint64_t begin, std::span<std::byte> out) {
                      for (std::size_t i = 0; i < out.size() / sizeof(float); ++i) {
                        const float value = element(spec.name, begin / sizeof(float) + i);
                        std::memcpy(out.data() + i * sizeof(float), &value, sizeof(value));
                      }
                    });
}

// By hand: x = E[token]; x += down relu(up x + b); logits = E x.
std::vector<float> by_hand(TokenId token) {
  const auto at = [](const char* name, std::size_t i) { return element(name, i); };
  const auto t = static_cast<std::size_t>(token);
  float x[2] = {at("embedding.weight", 2 * t), at("embedding.weight", 2 * t + 1)};
  float inner[4];
  for (std::size_t i = 0; i < 4; ++i) {
    inner[i] = std::max(0.0F, at("up.weight", 2 * i) * x[0] + at("up.weight", 2 * i + 1) * x[1] + at("up.bias", i));
  }
  for (std::size_t j = 0; j < 2; ++j) {
    for (std::size_t i = 0; i < 4; ++i) x[j] += at("down.weight", 4 * j + i) * inner[i];
  }
  std::vector<float> logits;
  for (std::size_t v = 0; v < 3; ++v) {
    logits.push_back(at("embedding.weight", 2 * v) * x[0] + at("embedding.weight", 2 * v + 1) * x[1]);
  }
  return logits;
}

TEST(DummyFamily, LoadsAndRuns) {
  const test::TempDir folder;
  write_dummy(folder, R"({"model_type": "dummy", "vocab_size": 3, "width": 2})");
  ThreadPool pool(2);
  const auto model = load_model(folder.path(), {.strict = true}, pool, {&kRow, 1});
  const auto state = make_pool(*model);
  const nn::SequenceId s = state->create();
  std::vector<nn::Row> rows;
  for (TokenId t = 0; t < 3; ++t) {
    rows.push_back({.sequence = s, .position = t, .token = t, .wants = {.logits = true}});
  }
  for (const auto& [row, logits] : run_rows(*model, *state, pool, rows)) {
    const auto wanted = by_hand(row);
    for (std::size_t v = 0; v < 3; ++v) EXPECT_NEAR(logits[v], wanted[v], 1e-6F) << row;
  }
}

TEST(DummyFamily, ErrorsNameKeyAndValue) {
  const test::TempDir folder;
  ThreadPool pool(1);
  const auto message = [&](const std::string& config) {
    write_dummy(folder, config);
    try {
      static_cast<void>(load_model(folder.path(), {}, pool, {&kRow, 1}));
    } catch (const Error& e) {
      return std::string(e.what());
    }
    return std::string();
  };
  EXPECT_NE(message(R"({"model_type": "dummy", "vocab_size": 3, "width": "2"})").find("width = '2'"),
            std::string::npos);
  EXPECT_NE(message(R"({"model_type": "dummy", "vocab_size": 4, "width": 2})").find("[4,2]"), std::string::npos);
  EXPECT_NE(message(R"({"model_type": "llama", "vocab_size": 3, "width": 2})").find("known are dummy"),
            std::string::npos);
}

}  // namespace
}  // namespace skald::models
