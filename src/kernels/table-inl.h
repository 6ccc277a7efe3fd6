// The kernels of one instruction set as a table. A table's source includes a Vec, then this.

// Each builds on those before it.
// clang-format off
#include "kernels/math-inl.h"
#include "kernels/elementwise-inl.h"
#include "kernels/gemm-inl.h"
#include "kernels/block_gemm-inl.h"
#include "kernels/attention-inl.h"
#include "kernels/recurrent-inl.h"
// clang-format on

namespace skald::kernels::SKALD_ISA {
namespace {

constexpr KvKernels kF32Kv = {f32_k_block_bytes, f32_v_block_bytes, store_f32_k, store_f32_v, attend_cut<F32Kv>};
constexpr KvKernels kBf16Kv = {bf16_k_block_bytes, bf16_v_block_bytes, store_bf16_k, store_bf16_v, attend_cut<Bf16Kv>};

template <class W>
constexpr GemmKernels kPlainGemm = {XForm::plain, no_packed_x_bytes, no_pack_x, gemm<W>};

constexpr KernelTable make_table(const char* name, CpuFeatures required,
                                 const GemmKernels& bf16_gemm = kPlainGemm<Bf16Panel>) {
  return {.name = name,
          .required = required,
          .gemm = {kPlainGemm<F32Panel>, bf16_gemm, kPlainGemm<F16Panel>, kBlockGemm<layouts::kInt8>,
                   kBlockGemm<layouts::kInt6>, kBlockGemm<layouts::kInt4>, kBlockGemm<layouts::kQ4_0>,
                   kBlockGemm<layouts::kQ4_1>, kBlockGemm<layouts::kQ5_0>, kBlockGemm<layouts::kQ5_1>,
                   kBlockGemm<layouts::kQ8_0>, kBlockGemm<layouts::kQ2_K>, kBlockGemm<layouts::kQ3_K>,
                   kBlockGemm<layouts::kQ4_K>, kBlockGemm<layouts::kQ5_K>, kBlockGemm<layouts::kQ6_K>,
                   kBlockGemm<layouts::kIq4Nl>, kBlockGemm<layouts::kIq4Xs>, kBlockGemm<layouts::kMxfp4>},
          .kv = {kF32Kv, kBf16Kv},
          .merge_partial = merge_partial,
          .finish_attention = finish_attention,
          .rms_norm = rms_norm,
          .layer_norm = layer_norm,
          .activate = activate,
          .clamped_swiglu = clamped_swiglu,
          .soft_cap = soft_cap,
          .add = add,
          .add_scaled = add_scaled,
          .rotate = rotate,
          .log_sum_exp = log_sum_exp,
          .softmax = softmax,
          .convolve = convolve,
          .scan = scan};
}

}  // namespace
}  // namespace skald::kernels::SKALD_ISA
