// Experts stored as MXFP4 blocks, against what transformers reads in them (make_mxfp4_goldens.py).
#include <gtest/gtest.h>

#include "formats/safetensors.h"
#include "nn/weight_source.h"
#include "skald/error.h"

namespace skald::nn {
namespace {

constexpr std::size_t kPlanes = 2;
constexpr std::size_t kOutputs = 66;
constexpr std::size_t kInputs = 64;

std::vector<float> wanted_values(const TensorSource& source) {
  std::vector<float> values(kPlanes * kInputs * kOutputs);  // [planes, inputs, outputs]
  source.read(*source.find("values"), 0, std::as_writable_bytes(std::span(values)));
  return values;
}

// Every second output from `first` on, of every plane, held with `bits`.
void check(std::size_t first, int bits, int threads) {
  const auto source = open_safetensors(SKALD_TEST_DATA "/nn/mxfp4.safetensors");
  const auto wanted = wanted_values(*source);
  WeightSource weights(*source, "");
  weights.leave("values");
  std::vector<Linear> linears;
  for (std::size_t plane = 0; plane < kPlanes; ++plane) {
    const Part part{.outputs = kOutputs, .first = first, .run = 1, .stride = 2, .planes = kPlanes, .plane = plane};
    linears.push_back(weights.linear({.matrix = "w_blocks", .scales = "w_scales"}, kOutputs / 2, kInputs, part));
  }
  ThreadPool pool(threads);
  weights.load({.bits = bits, .strict = true}, pool);
  EXPECT_EQ(weights.n_parameters(), static_cast<std::int64_t>(wanted.size()));
  EXPECT_EQ(linears[0].weight().format(), bits == 32 ? kernels::WeightFormat::f32 : kernels::WeightFormat::bf16);
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

TEST(Mxfp4Weights, EqualTheReferenceAsBf16AndAsF32) {
  for (const std::size_t first : {0, 1}) {
    check(first, 0, 1);
    check(first, 16, 2);
    check(first, 32, 3);
  }
}

TEST(Mxfp4Weights, WrongShapesAndTypesAreNamed) {
  const auto source = open_safetensors(SKALD_TEST_DATA "/nn/mxfp4.safetensors");
  WeightSource weights(*source, "");
  const Part part{.planes = kPlanes};
  const auto message = [&](const ProductNames& names, std::size_t n) {
    try {
      static_cast<void>(weights.linear(names, n, kInputs, part));
    } catch (const FormatError& error) {
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  EXPECT_NE(message({.matrix = "w_blocks", .scales = "w_scales"}, 65).find("wants [2,65,2], the file has [2,66,2]"),
            std::string::npos);
  EXPECT_NE(message({.matrix = "w_scales", .scales = "w_scales"}, kOutputs).find("wants [2,66,2,16]"),
            std::string::npos);
  EXPECT_NE(message({.matrix = "w", .scales = "w_scales"}, kOutputs).find("'w': is missing"), std::string::npos);
  try {
    static_cast<void>(weights.linear({.matrix = "w_blocks", .scales = "values"}, kInputs, kOutputs * 32, part));
    FAIL();
  } catch (const FormatError& error) {
    EXPECT_NE(std::string(error.what()).find("must be U8"), std::string::npos) << error.what();
  }
}

// A step of one row reads `used` in `all` of what is marked so.
TEST(StepShare, CountsWhatOneRowReads) {
  const auto source = open_safetensors(SKALD_TEST_DATA "/nn/mxfp4.safetensors");
  WeightSource weights(*source, "");
  weights.leave("*");
  weights.set_step_share(1, kPlanes);
  for (std::size_t plane = 0; plane < kPlanes; ++plane) {
    static_cast<void>(weights.linear({.matrix = "w_blocks", .scales = "w_scales"}, kOutputs, kInputs,
                                     {.planes = kPlanes, .plane = plane}));
  }
  ThreadPool pool(1);
  weights.load({}, pool);
  PackedMatrix one(kOutputs, kInputs);
  EXPECT_EQ(weights.weight_bytes(), one.bytes_in(kernels::WeightFormat::bf16));
}

}  // namespace
}  // namespace skald::nn
