#include "nn/weight_precision.h"

#include "kernels/block_pack.h"

namespace skald::nn {

using kernels::WeightFormat;

namespace {

// In 16 bits; of numbers in blocks as well.
WeightFormat half_format(const TensorInfo& tensor) {
  return tensor.block == nullptr && tensor.dtype == DType::f16 ? WeightFormat::f16 : WeightFormat::bf16;
}

WeightFormat stored_format(const TensorInfo& tensor) {
  if (tensor.block != nullptr) return kernels::find_weight_format(*tensor.block).value_or(WeightFormat::bf16);
  const bool wide = tensor.dtype == DType::f32 || tensor.dtype == DType::f64;
  return wide ? WeightFormat::f32 : half_format(tensor);
}

}  // namespace

WeightFormat weight_format(const TensorInfo& tensor, const MatrixUse& use, int bits) {
  if (bits == 0) return stored_format(tensor);
  if (bits == 32) return WeightFormat::f32;
  if (bits == 16 || use.factor || use.routes) return half_format(tensor);
  if (bits == 8 || !use.product) return WeightFormat::int8;
  if (use.looked_up || use.scores || use.early) return WeightFormat::int6;
  return use.values ? WeightFormat::int8 : WeightFormat::int4;
}

std::optional<DType> dtype_of(WeightFormat format) {
  switch (format) {
    case WeightFormat::f32: return DType::f32;
    case WeightFormat::f16: return DType::f16;
    case WeightFormat::bf16: return DType::bf16;
    default: return std::nullopt;
  }
}

int code_bits(WeightFormat format) {
  switch (format) {
    case WeightFormat::f32: return 32;
    case WeightFormat::bf16:
    case WeightFormat::f16: return 16;
    default: return kernels::block_code_bits(format);
  }
}

}  // namespace skald::nn
