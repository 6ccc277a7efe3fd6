// A model written in 8 or 4 bits is the model loaded in 8 or 4 bits.
#include "models/quantize.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "formats/safetensors.h"
#include "formats/safetensors_writer.h"
#include "models/model_case.h"
#include "skald/error.h"

namespace skald::models {
namespace {

namespace fs = std::filesystem;

class QuantizeWeights : public testing::Test {
 protected:
  ~QuantizeWeights() override { fs::remove_all(folder_); }

  // The case's folder with other weights, as skald::quantize leaves it: the weights' metadata say what they are.
  QuantizedWeights quantized(const fs::path& from, int bits) {
    fs::remove_all(folder_);
    fs::copy(from, folder_);
    return quantize_weights(from, bits, folder_ / "model.safetensors", pool_);
  }

  std::map<std::int32_t, std::vector<float>> logits(const fs::path& folder, const ModelCase& c, int bits) {
    const auto model = load_model(folder, {.bits = bits, .strict = true}, pool_);
    const auto state = make_pool(*model);
    return run_rows(*model, *state, pool_, case_rows(c, begin_case(*model, c, *state, pool_), 0, c.length()));
  }

  fs::path folder_ = fs::path(testing::TempDir()) / ("skald_quantize_" + std::to_string(::getpid()));
  ThreadPool pool_{2};
};

class Quantize : public QuantizeWeights, public testing::WithParamInterface<int> {};

TEST_P(Quantize, LoadsAsTheOriginalDoesInSoManyBits) {
  int compared = 0;
  for (const ModelCase& c : model_cases()) {
    SCOPED_TRACE(c.name());
    const auto source = open_tensor_source(c.folder);
    const bool mxfp4 = std::ranges::any_of(source->tensors(), [](const auto& t) { return t.dtype == DType::u8; });
    if (mxfp4 || quantized(c.folder, GetParam()).kept_matrices > 0) continue;  // these stay as they are
    EXPECT_TRUE(logits(c.folder, c, GetParam()) == logits(folder_, c, 0));
    ++compared;
  }
  EXPECT_GT(compared, 10);
}

INSTANTIATE_TEST_SUITE_P(Bits, Quantize, testing::Values(8, 4));

TEST_F(QuantizeWeights, RefusesBlocks) {
  quantized(model_cases().front().folder, 8);
  EXPECT_THROW(quantize_weights(folder_, 4, folder_ / "again.safetensors", pool_), UnsupportedError);
}

TEST_F(QuantizeWeights, RefusesNumbersThatBlocksCannotHold) {
  const ModelCase c = model_cases().front();
  const auto source = open_safetensors(c.folder / "model.safetensors");
  std::vector<TensorSpec> specs;
  for (const TensorInfo& t : source->tensors()) specs.push_back({t.name, t.dtype, t.shape});
  const fs::path broken = folder_ / "broken";
  fs::create_directories(broken);
  fs::copy_file(c.folder / "config.json", broken / "config.json");
  write_safetensors(broken / "model.safetensors", specs,
                    [&](const TensorSpec& spec, std::uint64_t begin, std::span<std::byte> out) {
                      source->read(*source->find(spec.name), begin, out);
                      if (spec.shape.size() == 2) std::memset(out.data(), 0xff, 4);  // NaN in every format
                    });
  try {
    quantize_weights(broken, 4, folder_ / "model.safetensors", pool_);
    FAIL();
  } catch (const FormatError& error) {
    EXPECT_NE(std::string(error.what()).find("NaN"), std::string::npos) << error.what();
  }
  EXPECT_FALSE(fs::exists(folder_ / "model.safetensors"));
}

}  // namespace
}  // namespace skald::models
