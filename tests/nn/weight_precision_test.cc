// Which format a matrix gets for the bits that are asked for.
#include "nn/weight_precision.h"

#include <gtest/gtest.h>

#include "quant/block_format.h"

namespace skald::nn {
namespace {

using kernels::WeightFormat;

TensorInfo stored(DType dtype) { return {.name = "w", .dtype = dtype, .shape = {512, 512}}; }

TensorInfo in_blocks(std::string_view name) {
  TensorInfo tensor = stored(DType::u8);
  tensor.block = quant::find_block_format(name);
  EXPECT_NE(tensor.block, nullptr);
  return tensor;
}

const MatrixUse kProduct = {.product = true};

TEST(WeightPrecision, UnaskedIsAsStored) {
  EXPECT_EQ(weight_format(stored(DType::f32), kProduct, 0), WeightFormat::f32);
  EXPECT_EQ(weight_format(stored(DType::f64), kProduct, 0), WeightFormat::f32);
  EXPECT_EQ(weight_format(stored(DType::bf16), kProduct, 0), WeightFormat::bf16);
  EXPECT_EQ(weight_format(stored(DType::f16), kProduct, 0), WeightFormat::f16);
  EXPECT_EQ(weight_format(in_blocks("Q4_K"), kProduct, 0), WeightFormat::q4_k);
  EXPECT_EQ(weight_format(in_blocks("Q8_0"), kProduct, 0), WeightFormat::q8_0);
}

TEST(WeightPrecision, BlocksThatNoProductTakesAreHeldIn16Bits) {
  EXPECT_EQ(weight_format(in_blocks("TQ1_0"), kProduct, 0), WeightFormat::bf16);
  EXPECT_EQ(weight_format(in_blocks("IQ2_XXS"), kProduct, 0), WeightFormat::bf16);
}

TEST(WeightPrecision, BitsAskedForHoldForEveryStoredType) {
  for (const TensorInfo& tensor : {stored(DType::f32), stored(DType::bf16), in_blocks("Q4_0")}) {
    EXPECT_EQ(weight_format(tensor, kProduct, 32), WeightFormat::f32);
    EXPECT_EQ(weight_format(tensor, kProduct, 16), WeightFormat::bf16);
    EXPECT_EQ(weight_format(tensor, kProduct, 8), WeightFormat::int8);
    EXPECT_EQ(weight_format(tensor, kProduct, 4), WeightFormat::int4);
  }
  EXPECT_EQ(weight_format(stored(DType::f16), kProduct, 16), WeightFormat::f16);
}

TEST(WeightPrecision, InFourBitsWhatIsSensitiveHasMore) {
  const TensorInfo tensor = stored(DType::bf16);
  EXPECT_EQ(weight_format(tensor, {.product = true, .scores = true}, 4), WeightFormat::int6);
  EXPECT_EQ(weight_format(tensor, {.product = true, .looked_up = true}, 4), WeightFormat::int6);
  EXPECT_EQ(weight_format(tensor, {.product = true, .early = true}, 4), WeightFormat::int6);
  EXPECT_EQ(weight_format(tensor, {.product = true, .values = true}, 4), WeightFormat::int8);
  EXPECT_EQ(weight_format(tensor, {.looked_up = true}, 4), WeightFormat::int8);
}

TEST(WeightPrecision, FactorsAndRoutersKeep16Bits) {
  const TensorInfo tensor = stored(DType::f32);
  for (const int bits : {8, 4}) {
    EXPECT_EQ(weight_format(tensor, {.product = true, .factor = true}, bits), WeightFormat::bf16);
    EXPECT_EQ(weight_format(tensor, {.product = true, .routes = true}, bits), WeightFormat::bf16);
  }
}

TEST(WeightPrecision, BitsOfACode) {
  EXPECT_EQ(code_bits(WeightFormat::f32), 32);
  EXPECT_EQ(code_bits(WeightFormat::f16), 16);
  EXPECT_EQ(code_bits(WeightFormat::int6), 6);
  EXPECT_EQ(code_bits(WeightFormat::q5_k), 5);
  EXPECT_EQ(code_bits(WeightFormat::mxfp4), 4);
}

}  // namespace
}  // namespace skald::nn
