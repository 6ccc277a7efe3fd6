// Experts stored as blocks and scales of MXFP4, against what transformers reads in them (make_mxfp4_goldens.py).
#include <gtest/gtest.h>

#include "formats/tensor_source.h"
#include "nn/weight_source.h"
#include "skald/error.h"

namespace skald::nn {
namespace {

using kernels::WeightFormat;

constexpr std::size_t kPlanes = 2;
constexpr std::size_t kOutputs = 66;
constexpr std::size_t kInputs = 64;

std::vector<float> wanted_values(const TensorSource& source) {
  std::vector<float> values(kPlanes * kInputs * kOutputs);  // [planes, inputs, outputs]
  source.read(*source.find("values"), 0, std::as_writable_bytes(std::span(values)));
  return values;
}

// Every second output from `first` on, of every plane, held with `bits`, that is in `format`.
void check(std::size_t first, int bits, WeightFormat format, int threads) {
  const auto source = open_tensor_source(SKALD_TEST_DATA "/nn/mxfp4.safetensors");
  const auto wanted = wanted_values(*source);
  WeightSource weights(*source, "");
  weights.leave("values");
  std::vector<Linear> linears;
  for (std::size_t plane = 0; plane < kPlanes; ++plane) {
    const Part part{.outputs = kOutputs,
                    .first = first,
                    .run = 1,
                    .stride = 2,
                    .planes = kPlanes,
                    .plane = plane,
                    .transposed = true};
    linears.push_back(weights.linear({.matrix = "w"}, kOutputs / 2, kInputs, part));
  }
  ThreadPool pool(threads);
  weights.load({.bits = bits, .strict = true}, pool);
  EXPECT_EQ(weights.n_parameters(), static_cast<std::int64_t>(wanted.size()));
  EXPECT_EQ(linears[0].weight().format(), format);
  std::vector<float> row(kInputs);
  for (std::size_t plane = 0; plane < kPlanes; ++plane) {
    for (std::size_t i = 0; i < kOutputs / 2; ++i) {
      linears[plane].weight().unpack_row(i, row.data());
      for (std::size_t j = 0; j < kInputs; ++j) {
        ASSERT_EQ(row[j], wanted[(plane * kInputs + j) * kOutputs + 2 * i + first]) << plane << ", " << i << ", " << j;
      }
    }
  }
}

TEST(Mxfp4Weights, EqualTheReferenceAsStoredAndUnpacked) {
  for (const std::size_t first : {0, 1}) {
    check(first, 0, WeightFormat::mxfp4, 1);
    check(first, 16, WeightFormat::bf16, 2);
    check(first, 32, WeightFormat::f32, 3);
  }
}

TEST(Mxfp4Weights, WrongShapesAreNamed) {
  const auto source = open_tensor_source(SKALD_TEST_DATA "/nn/mxfp4.safetensors");
  WeightSource weights(*source, "");
  try {
    static_cast<void>(weights.linear({.matrix = "w"}, 65, kInputs, {.planes = kPlanes, .transposed = true}));
    FAIL();
  } catch (const FormatError& error) {
    EXPECT_NE(std::string(error.what()).find("wants [2,64,65], the file has [2,64,66]"), std::string::npos);
  }
}

// A step of one row reads `used` in `all` of what is marked so.
TEST(StepShare, CountsWhatOneRowReads) {
  const auto source = open_tensor_source(SKALD_TEST_DATA "/nn/mxfp4.safetensors");
  WeightSource weights(*source, "");
  weights.leave("*");
  weights.set_step_share(1, kPlanes);
  for (std::size_t plane = 0; plane < kPlanes; ++plane) {
    static_cast<void>(
        weights.linear({.matrix = "w"}, kOutputs, kInputs, {.planes = kPlanes, .plane = plane, .transposed = true}));
  }
  ThreadPool pool(1);
  weights.load({}, pool);
  PackedMatrix one(kOutputs, kInputs);
  EXPECT_EQ(weights.weight_bytes(), one.bytes_in(WeightFormat::mxfp4));
}

}  // namespace
}  // namespace skald::nn
