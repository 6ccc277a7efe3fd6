// LoRA adapters from a PEFT folder: the same logits as a checkpoint with the deltas merged into its weights.
#include "models/lora.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>

#include "formats/safetensors.h"
#include "formats/safetensors_writer.h"
#include "models/model_case.h"
#include "skald/error.h"

namespace skald::models {
namespace {

namespace fs = std::filesystem;

constexpr const char* kCase = "llama_biases_partly_grouped";
constexpr const char* kQuery = "model.layers.0.self_attn.q_proj";  // [48, 48]
constexpr const char* kDown = "model.layers.1.mlp.down_proj";      // [48, 72]
constexpr const char* kConfig = R"({"peft_type": "LORA", "r": 3, "lora_alpha": 6, "bias": "none",
  "rank_pattern": {"down_proj": 5}, "alpha_pattern": {"layers.1.mlp.down_proj": 10}})";

struct Matrix {
  std::uint64_t rows, columns;
  std::vector<float> values;
};
using Matrices = std::map<std::string, Matrix>;

Matrix random_matrix(std::uint64_t rows, std::uint64_t columns, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, 0.2F);
  Matrix m{rows, columns, std::vector<float>(rows * columns)};
  for (float& v : m.values) v = normal(random);
  return m;
}

void write(const fs::path& path, const Matrices& matrices) {
  std::vector<TensorSpec> specs;
  for (const auto& [name, m] : matrices) specs.push_back({name, DType::f32, {m.rows, m.columns}});
  write_safetensors(path, specs, [&](const TensorSpec& spec, std::uint64_t begin, std::span<std::byte> out) {
    std::memcpy(out.data(), reinterpret_cast<const char*>(matrices.at(spec.name).values.data()) + begin, out.size());
  });
}

class Lora : public testing::Test {
 protected:
  Lora() : folder_(fs::path(testing::TempDir()) / ("skald_lora_" + std::to_string(::getpid()))) {
    fs::create_directories(folder_);
    const std::string p = "base_model.model.";
    deltas_[p + kQuery + ".lora_A.weight"] = random_matrix(3, 48, 1);
    deltas_[p + kQuery + ".lora_B.weight"] = random_matrix(48, 3, 2);
    deltas_[p + kDown + ".lora_A.weight"] = random_matrix(5, 72, 3);
    deltas_[p + kDown + ".lora_B.weight"] = random_matrix(48, 5, 4);
    config(kConfig);
  }
  ~Lora() override { fs::remove_all(folder_); }

  void config(const std::string& text) { std::ofstream(folder_ / "adapter_config.json") << text; }

  std::string message() {
    write(folder_ / "adapter_model.safetensors", deltas_);
    const auto model = load_model(case_.folder, {}, pool_);
    try {
      static_cast<void>(load_lora({{.folder = folder_}}, *model));
    } catch (const Error& e) {
      return e.what();
    }
    return {};
  }

  static ModelCase find_case(const std::string& name) {
    for (const ModelCase& c : model_cases()) {
      if (c.name() == name) return c;
    }
    throw std::runtime_error("no case " + name);
  }
  void expect_equal_to_merged(bool transposed);

  ThreadPool pool_{2};
  ModelCase case_ = find_case(kCase);
  fs::path folder_;
  Matrices deltas_;
};

// weight [b.rows, a.columns], or its transpose, += scale * B A.
void merge(std::vector<float>& weight, const Matrix& a, const Matrix& b, float scale, bool transposed) {
  for (std::uint64_t i = 0; i < b.rows; ++i) {
    for (std::uint64_t j = 0; j < a.columns; ++j) {
      double sum = 0;
      for (std::uint64_t r = 0; r < a.rows; ++r) sum += b.values[i * a.rows + r] * a.values[r * a.columns + j];
      weight[transposed ? j * b.rows + i : i * a.columns + j] += static_cast<float>(scale * sum);
    }
  }
}

void Lora::expect_equal_to_merged(bool transposed) {
  write(folder_ / "adapter_model.safetensors", deltas_);
  const auto source = open_safetensors(case_.folder / "model.safetensors");
  std::vector<TensorSpec> specs;
  for (const TensorInfo& t : source->tensors()) specs.push_back({t.name, t.dtype, t.shape});
  const auto fill = [&](const TensorSpec& spec, std::uint64_t begin, std::span<std::byte> out) {
    const TensorInfo& tensor = *source->find(spec.name);
    std::vector<float> values(tensor.bytes / sizeof(float));
    source->read(tensor, 0, std::as_writable_bytes(std::span(values)));
    const std::string base = spec.name.starts_with("h.") ? "transformer." : "";  // a checkpoint of the bare model
    const std::string p = "base_model.model." + base + spec.name.substr(0, spec.name.rfind('.'));
    if (deltas_.contains(p + ".lora_A.weight") && spec.name.ends_with(".weight")) {
      merge(values, deltas_.at(p + ".lora_A.weight"), deltas_.at(p + ".lora_B.weight"), 2.0F, transposed);
    }
    std::memcpy(out.data(), reinterpret_cast<const char*>(values.data()) + begin, out.size());
  };
  write_safetensors(folder_ / "model.safetensors", specs, fill);
  fs::copy_file(case_.folder / "config.json", folder_ / "config.json");

  const auto merged = load_model(folder_, {}, pool_);
  const auto model = load_model(case_.folder, {}, pool_);
  const std::int32_t adapter = load_lora({{.folder = folder_}}, *model);
  const auto run = [&](const DecoderModel& m, std::int32_t number) {
    const auto state = make_pool(m);
    auto rows = case_rows(case_, state->create(), 0, 40);
    for (nn::Row& row : rows) row.adapter = number;
    return run_rows(m, *state, pool_, rows);
  };
  const auto wanted = run(*merged, 0);
  const auto found = run(*model, adapter);
  const auto plain = run(*model, 0);
  const auto halves = run(*model, load_lora({{folder_, 0.25F}, {folder_, 0.75F}}, *model));
  for (const auto& [row, logits] : wanted) {
    float most = 0;
    for (const float v : logits) most = std::max(most, std::abs(v));
    for (std::size_t i = 0; i < logits.size(); ++i) {
      ASSERT_NEAR(logits[i], found.at(row)[i], 2e-5F * most) << row;
      ASSERT_NEAR(logits[i], halves.at(row)[i], 2e-5F * most) << row << ": in two parts";
    }
  }
  EXPECT_NE(plain, found);
}

TEST_F(Lora, EqualsTheMergedWeights) { expect_equal_to_merged(/*transposed=*/false); }  // scales: 6 / 3 and 10 / 5

// q, k and v are parts of one weight, under the checkpoint's name of which the adapter has one delta.
TEST_F(Lora, OfAFusedWeightEqualsTheMergedWeights) {
  case_ = find_case("phi3_window");
  config(R"({"r": 3, "lora_alpha": 6})");
  const std::string p = "base_model.model.model.layers.1.";
  deltas_ = {{p + "self_attn.qkv_proj.lora_A.weight", random_matrix(3, 48, 1)},
             {p + "self_attn.qkv_proj.lora_B.weight", random_matrix(96, 3, 2)},
             {p + "mlp.gate_up_proj.lora_A.weight", random_matrix(3, 48, 3)},
             {p + "mlp.gate_up_proj.lora_B.weight", random_matrix(144, 3, 4)}};
  expect_equal_to_merged(/*transposed=*/false);
}

TEST_F(Lora, OfATransposedWeightEqualsTheMergedWeights) {
  case_ = find_case("gpt2_old_names");
  config(R"({"r": 3, "lora_alpha": 6, "fan_in_fan_out": true})");
  const std::string p = "base_model.model.transformer.h.0.";
  deltas_ = {{p + "attn.c_attn.lora_A.weight", random_matrix(3, 48, 1)},
             {p + "attn.c_attn.lora_B.weight", random_matrix(144, 3, 2)},
             {p + "mlp.c_proj.lora_A.weight", random_matrix(3, 192, 3)},
             {p + "mlp.c_proj.lora_B.weight", random_matrix(48, 3, 4)}};
  expect_equal_to_merged(/*transposed=*/true);
}

TEST_F(Lora, WhatDoesNotFitIsNamed) {
  EXPECT_EQ(message(), "");
  deltas_["base_model.model.model.layers.7.self_attn.q_proj.lora_A.weight"] = random_matrix(3, 48, 5);
  EXPECT_NE(message().find("layers.7.self_attn.q_proj"), std::string::npos);
  deltas_.erase("base_model.model.model.layers.7.self_attn.q_proj.lora_A.weight");
  deltas_.erase(std::string("base_model.model.") + kQuery + ".lora_B.weight");
  EXPECT_NE(message().find("only one of A and B"), std::string::npos);
  deltas_[std::string("base_model.model.") + kQuery + ".lora_B.weight"] = random_matrix(47, 3, 5);
  EXPECT_NE(message().find("B [48, 3]"), std::string::npos);
}

// Of latent attention's kv_b_proj only parts are multiplied, one of them transposed.
TEST_F(Lora, WeightsThatTakeNoAdapterAreNamed) {
  const std::string name = "model.layers.1.self_attn.kv_b_proj";
  const auto model = load_model(find_case("deepseek_v3_yarn_groups").folder, {}, pool_);
  EXPECT_TRUE(model->adapts("model.layers.1.self_attn.kv_a_proj_with_mqa"));
  EXPECT_FALSE(model->adapts(name));
  try {
    static_cast<void>(
        model->add_adapter({{name, {.rank = 1, .a = std::vector<float>(24), .b = std::vector<float>(88)}}}));
    FAIL() << "accepted";
  } catch (const OptionError& e) {
    EXPECT_NE(std::string(e.what()).find(name), std::string::npos) << e.what();
  }
}

TEST_F(Lora, OtherKindsOfAdapterAreRefused) {
  const auto refuses = [&](const std::string& text, const std::string& named) {
    config(text);
    EXPECT_NE(message().find(named), std::string::npos) << text << ": " << message();
  };
  refuses(R"({"peft_type": "IA3", "r": 3})", "peft_type");
  refuses(R"({"r": 3, "use_dora": true})", "use_dora");
  refuses(R"({"r": 3, "bias": "all"})", "bias");
  refuses(R"({"r": 3, "modules_to_save": ["lm_head"]})", "modules_to_save");
  refuses(R"({"r": 4, "lora_alpha": 6, "rank_pattern": {"down_proj": 5}})", "r = 4");
  refuses(R"({"r": 0})", "r = 0");
  refuses(R"({"r": 3, "rank_pattern": {".*proj": 5}})", ".*proj");
  refuses("{", "adapter_config.json");
}

}  // namespace
}  // namespace skald::models
