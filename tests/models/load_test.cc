// Loading: what is missing, misshapen or unread is named; precision is what was asked for.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>

#include "formats/gguf.h"
#include "formats/safetensors.h"
#include "formats/safetensors_writer.h"
#include "models/model_case.h"
#include "skald/error.h"
#include "skald/log.h"

namespace skald::models {
namespace {

namespace fs = std::filesystem;

// A copy of a case whose tensors may be renamed, dropped or added to.
class Folder {
 public:
  explicit Folder(const std::string& name)
      : source_(open_safetensors(fs::path(SKALD_TEST_DATA "/models") / name / "model.safetensors")),
        path_(fs::path(testing::TempDir()) / ("skald_load_" + std::to_string(::getpid()))) {
    fs::create_directories(path_);
    fs::copy_file(fs::path(SKALD_TEST_DATA "/models") / name / "config.json", path_ / "config.json",
                  fs::copy_options::overwrite_existing);
    for (const TensorInfo& tensor : source_->tensors()) specs_.push_back({tensor.name, tensor.dtype, tensor.shape});
    names_.resize(specs_.size());
    for (std::size_t i = 0; i < specs_.size(); ++i) names_[i] = specs_[i].name;
  }
  ~Folder() { fs::remove_all(path_); }

  // Writes the weights; `change` may alter the new name or shape of a tensor, an empty name drops it.
  template <typename Change>
  const fs::path& write(Change change) {
    std::vector<TensorSpec> kept;
    std::vector<std::string> origin;
    for (std::size_t i = 0; i < specs_.size(); ++i) {
      TensorSpec spec = specs_[i];
      change(spec);
      if (spec.name.empty()) continue;
      kept.push_back(spec);
      origin.push_back(names_[i]);
    }
    const auto fill = [&](const TensorSpec& spec, std::uint64_t begin, std::span<std::byte> out) {
      for (std::size_t i = 0; i < kept.size(); ++i) {
        if (kept[i].name == spec.name) source_->read(*source_->find(origin[i]), begin, out);
      }
    };
    write_safetensors(path_ / "model.safetensors", kept, fill);
    return path_;
  }
  void append_config(const std::string& member) {
    std::ifstream in(path_ / "config.json");
    std::string text((std::istreambuf_iterator<char>(in)), {});
    text.replace(text.find('{'), 1, "{" + member + ",");
    std::ofstream(path_ / "config.json") << text;
  }

 private:
  std::unique_ptr<TensorSource> source_;
  fs::path path_;
  std::vector<TensorSpec> specs_;
  std::vector<std::string> names_;
};

constexpr const char* kCase = "llama_biases_partly_grouped";
constexpr const char* kWeight = "model.layers.1.mlp.up_proj.weight";

std::string message_of(const fs::path& folder, const LoadOptions& options = {}) {
  ThreadPool pool(2);
  try {
    static_cast<void>(load_model(folder, options, pool));
  } catch (const Error& error) {
    return error.what();
  }
  return "loaded";
}

// Notices while it lives.
struct Notices {
  Notices() {
    set_log_sink([this](LogLevel, std::string_view line) { text += std::string(line) + "\n"; });
  }
  ~Notices() { set_log_sink({}); }
  std::string text;
};

void expect_contains(const std::string& text, std::initializer_list<const char*> parts) {
  for (const char* part : parts) EXPECT_NE(text.find(part), std::string::npos) << text;
}

TEST(Load, AMissingTensorIsNamedWithItsShape) {
  Folder folder(kCase);
  const auto& path = folder.write([](TensorSpec& t) {
    if (t.name == kWeight) t.name = "";
  });
  expect_contains(message_of(path), {kWeight, "missing", "[72,48]"});
}

TEST(Load, AMisshapenTensorIsNamedWithBothShapes) {
  Folder folder(kCase);
  const auto& path = folder.write([](TensorSpec& t) {
    if (t.name == kWeight) t.shape = {48, 72};
  });
  expect_contains(message_of(path), {kWeight, "[72,48]", "[48,72]", "model.safetensors"});
}

TEST(Load, IntegersAreNoWeights) {
  Folder folder(kCase);
  const auto& path = folder.write([](TensorSpec& t) {
    if (t.name == kWeight) t.dtype = DType::i32;
  });
  expect_contains(message_of(path), {kWeight, "I32", "floating-point"});
}

TEST(Load, NamesMayLackTheBasePrefix) {
  Folder folder("llama_tied_llama3");
  const auto& path = folder.write([](TensorSpec& t) {
    if (t.name.starts_with("model.")) t.name = t.name.substr(6);
  });
  EXPECT_EQ(message_of(path), "loaded");
}

TEST(Load, ACheckpointOfABareModelWithItsBuffersIsWhole) {
  const Notices notices;
  EXPECT_EQ(message_of(SKALD_TEST_DATA "/models/gpt2_old_names", {.strict = true}), "loaded");
  EXPECT_EQ(notices.text, "");
}

TEST(Load, ATiedEmbeddingMayHaveTheNameOfTheHead) {
  Folder folder("fundamentallm_sinusoidal");
  const auto& path = folder.write([](TensorSpec& t) {
    if (t.name == "token_embedding.weight") t.name = "output_proj.weight";
  });
  EXPECT_EQ(message_of(path, {.strict = true}), "loaded");
}

TEST(Load, UnreadTensorsAreNotedOrRefused) {
  Folder folder("llama_biases_partly_grouped");
  folder.append_config(R"("tie_word_embeddings": true)");
  const auto& path = folder.write([](TensorSpec& t) {
    if (t.name == "lm_head.weight") t.name = "model.layers.0.spare";
  });
  {
    const Notices notices;
    EXPECT_EQ(message_of(path), "loaded");
    expect_contains(notices.text, {"does not use", "'model.layers.0.spare'"});
  }
  expect_contains(message_of(path, {.strict = true}), {"'model.layers.0.spare'", "--strict"});
  // Copies of tied weights and frequencies of old checkpoints are nothing to speak of.
  folder.write([](TensorSpec&) {});
  const Notices notices;
  EXPECT_EQ(message_of(path, {.strict = true}), "loaded");
  EXPECT_EQ(notices.text, "");
}

TEST(Load, BitsChooseTheFormatAndTheStateType) {
  ThreadPool pool(2);
  const fs::path f32 = fs::path(SKALD_TEST_DATA "/models") / kCase;
  const fs::path bf16 = fs::path(SKALD_TEST_DATA "/models/llama_dynamic_bf16");
  const auto load = [&](const fs::path& path, int bits) { return load_model(path, {.bits = bits}, pool); };
  EXPECT_EQ(load(f32, 0)->shape().kv_type, kernels::KvType::f32);
  EXPECT_EQ(load(f32, 16)->shape().kv_type, kernels::KvType::bf16);
  EXPECT_EQ(load(bf16, 0)->shape().kv_type, kernels::KvType::bf16);
  EXPECT_EQ(load(bf16, 32)->shape().kv_type, kernels::KvType::f32);
  EXPECT_EQ(load(f32, 8)->shape().kv_type, kernels::KvType::bf16);
  for (const int bits : {32, 16, 8}) {
    EXPECT_LT(load(f32, bits / 2)->shape().weight_bytes, load(f32, bits)->shape().weight_bytes) << bits;
  }
  for (const int bits : {32, 16, 8, 4}) EXPECT_EQ(load(f32, bits)->shape().weight_bits, bits);
  expect_contains(message_of(f32, {.bits = 7}), {"--bits", "7", "32, 16, 8 or 4"});
}

TEST(Load, BitsOfKeysAndValues) {
  ThreadPool pool(1);
  const fs::path f32 = fs::path(SKALD_TEST_DATA "/models") / kCase;
  const auto type = [&](int bits, int kv_bits) {
    return load_model(f32, {.bits = bits, .kv_bits = kv_bits}, pool)->shape().kv_type;
  };
  for (const int bits : {0, 16, 4}) {
    EXPECT_EQ(type(bits, 32), kernels::KvType::f32);
    EXPECT_EQ(type(bits, 16), kernels::KvType::bf16);
    EXPECT_EQ(type(bits, 8), kernels::KvType::int8);
  }
  for (const int wrong : {-8, 1, 4, 12, 64}) {
    expect_contains(message_of(f32, {.kv_bits = wrong}), {"--kv-bits", std::to_string(wrong).c_str(), "32, 16 or 8"});
  }
  const Notices notices;
  EXPECT_EQ(message_of(SKALD_TEST_DATA "/models/mamba2_groups_biases", {.kv_bits = 8}), "loaded");
  expect_contains(notices.text, {"--kv-bits", "no effect"});
}

TEST(Load, BlocksOfGgufAreKeptAsTheyAre) {
  ThreadPool pool(2);
  const std::string file = SKALD_TEST_DATA "/gguf/llama-q8_0.gguf";
  const auto kept = load_model(file, {}, pool);
  const auto halves = load_model(file, {.bits = 16}, pool);
  EXPECT_EQ(kept->shape().weight_bits, 8);
  EXPECT_EQ(kept->shape().kv_type, kernels::KvType::bf16);
  EXPECT_LT(kept->shape().weight_bytes, halves->shape().weight_bytes);
}

TEST(Load, ParametersAreCountedOnce) {
  ThreadPool pool(1);
  const auto tied = load_model(SKALD_TEST_DATA "/models/llama_tied_llama3", {}, pool);
  const auto source = open_safetensors(SKALD_TEST_DATA "/models/llama_tied_llama3/model.safetensors");
  std::int64_t count = 0;
  for (const TensorInfo& tensor : source->tensors()) count += static_cast<std::int64_t>(tensor.bytes / 4);
  EXPECT_EQ(tied->shape().n_parameters, count);
}

// All parameters are counted, but a step of one row reads only the experts that it goes to.
TEST(Load, OfExpertsAStepReadsTheChosenOnes) {
  ThreadPool pool(1);
  const std::string folder = SKALD_TEST_DATA "/models/mixtral_together";
  const auto model = load_model(folder, {.bits = 32}, pool);
  const auto source = open_safetensors(folder + "/model.safetensors");
  std::int64_t count = 0;
  std::size_t read = 0;
  const auto panels = [](std::size_t outputs, std::size_t inputs) { return (outputs + 31) / 32 * 32 * inputs * 4; };
  for (const TensorInfo& tensor : source->tensors()) {
    count += static_cast<std::int64_t>(tensor.bytes / 4);
    const auto& shape = tensor.shape;
    if (tensor.name.ends_with("gate_up_proj")) {
      read += 3 * 2 * panels(shape[1] / 2, shape[2]);  // 3 of 6 experts
    } else if (shape.size() == 3) {
      read += 3 * panels(shape[1], shape[2]);
    } else if (shape.size() == 2 && !tensor.name.ends_with("embed_tokens.weight")) {
      read += panels(shape[0], shape[1]);
    }
  }
  EXPECT_EQ(model->shape().n_parameters, count);
  EXPECT_EQ(model->shape().weight_bytes, read);
}

TEST(Load, ExpertsInBlocksCountTheirNumbers) {
  ThreadPool pool(1);
  const auto blocks = load_model(SKALD_TEST_DATA "/models/gpt_oss_mxfp4", {}, pool);
  // Layers of 3 experts of (2 * 32 * 64 + 64 * 32) weights and (2 * 32 + 64) biases, and all the rest.
  const std::int64_t experts = 3 * (6144 + 128);
  const std::int64_t attention = 4 * 12 * 64 + 2 * 2 * 12 * 64 + 64 * 4 * 12 + 4;
  const std::int64_t layer = experts + attention + 2 * 64 + 3 * 64 + 3;
  EXPECT_EQ(blocks->shape().n_parameters, 3 * layer + 2 * 120 * 64 + 64);
}

TEST(Load, ProgressEndsAtOne) {
  ThreadPool pool(2);
  std::vector<double> fractions;
  LoadOptions options;
  options.progress = [&](double fraction) { fractions.push_back(fraction); };
  static_cast<void>(load_model(SKALD_TEST_DATA "/models/qwen3_f16", options, pool));
  ASSERT_FALSE(fractions.empty());
  EXPECT_TRUE(std::ranges::is_sorted(fractions));
  EXPECT_EQ(fractions.back(), 1.0);
}

TEST(Load, NotFiniteWeightsAreReportedWhenAsked) {
  const fs::path folder = fs::path(testing::TempDir()) / ("skald_nan_" + std::to_string(::getpid()));
  fs::create_directories(folder);
  fs::copy_file(SKALD_TEST_DATA "/models/llama_tied_llama3/config.json", folder / "config.json",
                fs::copy_options::overwrite_existing);
  const auto source = open_safetensors(SKALD_TEST_DATA "/models/llama_tied_llama3/model.safetensors");
  std::vector<TensorSpec> specs;
  for (const TensorInfo& tensor : source->tensors()) specs.push_back({tensor.name, tensor.dtype, tensor.shape});
  const auto fill = [&](const TensorSpec& spec, std::uint64_t begin, std::span<std::byte> out) {
    source->read(*source->find(spec.name), begin, out);
    const float nan = std::numeric_limits<float>::quiet_NaN();
    if (spec.name == "model.layers.0.mlp.down_proj.weight" && begin == 0) std::memcpy(out.data(), &nan, sizeof nan);
  };
  write_safetensors(folder / "model.safetensors", specs, fill);
  const Notices notices;
  EXPECT_EQ(message_of(folder, {.check_weights = true}), "loaded");
  expect_contains(notices.text, {"down_proj", "1 NaN or Inf"});
  expect_contains(message_of(folder, {.bits = 8}), {"model.layers.0.mlp.down_proj.weight", "NaN, Inf", "16 or 32"});
  fs::remove_all(folder);
}

TEST(Load, ScalesOfBlocksThatAreNotFiniteAreReportedWhenAsked) {
  const fs::path path = fs::path(testing::TempDir()) / ("skald_nan_" + std::to_string(::getpid()) + ".gguf");
  for (const char* const scale : {"\x00\x7e", "\x00\xfc"}) {  // f16: NaN, minus infinity
    fs::copy_file(SKALD_TEST_DATA "/gguf/llama-q8_0.gguf", path, fs::copy_options::overwrite_existing);
    const auto place = static_cast<std::streamoff>(open_gguf(path)->find("blk.0.ffn_down.weight")->offset);
    std::fstream(path, std::ios::in | std::ios::out | std::ios::binary).seekp(place).write(scale, 2);
    const Notices notices;
    EXPECT_EQ(message_of(path, {.check_weights = true}), "loaded");
    expect_contains(notices.text, {"down_proj", "32 NaN or Inf"});
    expect_contains(message_of(path, {.bits = 8}), {"model.layers.0.mlp.down_proj.weight", "NaN, Inf", "16 or 32"});
  }
  fs::remove(path);
}

}  // namespace
}  // namespace skald::models
