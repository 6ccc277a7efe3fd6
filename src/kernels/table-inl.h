// The kernels of one instruction set as a table. A table's source includes a Vec, then this.

// Each builds on those before it.
// clang-format off
#include "kernels/math-inl.h"
#include "kernels/elementwise-inl.h"
#include "kernels/gemm-inl.h"
#include "kernels/block_codes-inl.h"
#include "kernels/direct_gemm-inl.h"
#include "kernels/block_gemm-inl.h"
#include "kernels/attention-inl.h"
#include "kernels/recurrent-inl.h"
// clang-format on

namespace skald::kernels::SKALD_ISA {
namespace {

constexpr KvKernels kF32Kv = {f32_k_block_bytes, f32_v_block_bytes, store_f32_k, store_f32_v, attend_cut<F32Kv>};
constexpr KvKernels kBf16Kv = {bf16_k_block_bytes, bf16_v_block_bytes, store_bf16_k, store_bf16_v, attend_cut<Bf16Kv>};
constexpr KvKernels kInt8Kv = {int8_k_block_bytes, int8_v_block_bytes, store_int8_k, store_int8_v, attend_cut<Int8Kv>};

template <class W>
constexpr GemmKernels kPlainGemm = {XForm::plain, no_packed_x_bytes, no_pack_x, gemm<W>};

/// Which products a table has; one with more than vectors has another such class.
struct VectorGemms {
  static constexpr GemmKernels kBf16 = kPlainGemm<Bf16Panel>;
  template <const BlockLayout& L>
  static constexpr GemmKernels kBlocks = kBlockGemm<L>;
};

template <class Gemms = VectorGemms>
constexpr KernelTable make_table(const char* name, CpuFeatures required, bool (*works)() = nullptr) {
  using namespace layouts;
  return {.name = name,
          .required = required,
          .works = works,
          .gemm = {kPlainGemm<F32Panel>, Gemms::kBf16, kPlainGemm<F16Panel>, Gemms::template kBlocks<kInt8>,
                   Gemms::template kBlocks<kInt6>, Gemms::template kBlocks<kInt4>, Gemms::template kBlocks<kQ4_0>,
                   Gemms::template kBlocks<kQ4_1>, Gemms::template kBlocks<kQ5_0>, Gemms::template kBlocks<kQ5_1>,
                   Gemms::template kBlocks<kQ8_0>, Gemms::template kBlocks<kQ2_K>, Gemms::template kBlocks<kQ3_K>,
                   Gemms::template kBlocks<kQ4_K>, Gemms::template kBlocks<kQ5_K>, Gemms::template kBlocks<kQ6_K>,
                   Gemms::template kBlocks<kIq4Nl>, Gemms::template kBlocks<kIq4Xs>, Gemms::template kBlocks<kMxfp4>},
          .kv = {kF32Kv, kBf16Kv, kInt8Kv},
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
