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

constexpr KvKernels kF32Kv = {f32_k_block_bytes, f32_v_block_bytes, store_f32_k,
                              store_f32_v,       nullptr,           attend_cut<F32Kv>};
constexpr KvKernels kInt8Kv = {int8_k_block_bytes, int8_v_block_bytes, store_int8_k, store_int8_v, nullptr,
                               attend_cut<Int8Kv>};

template <class W>
constexpr GemmKernels kPlainGemm = {XForm::plain, no_packed_x_bytes, no_pack_x, gemm<W>};

/// Which products a table has; one with more than vectors has another such class.
struct VectorProducts {
  static constexpr GemmKernels kBf16 = kPlainGemm<Bf16Panel>;
  static constexpr KvKernels kBf16Kv = {bf16_k_block_bytes, bf16_v_block_bytes, store_bf16_k, store_bf16_v, nullptr,
                                        attend_cut<Bf16Kv>};
  template <const BlockLayout& L>
  static constexpr GemmKernels kBlocks = kBlockGemm<L>;
};

template <class Products = VectorProducts>
constexpr KernelTable make_table(const char* name, CpuFeatures required, bool (*works)() = nullptr) {
  using namespace layouts;
  return {
      .name = name,
      .required = required,
      .works = works,
      .gemm = {kPlainGemm<F32Panel>, Products::kBf16, kPlainGemm<F16Panel>, Products::template kBlocks<kInt8>,
               Products::template kBlocks<kInt6>, Products::template kBlocks<kInt4>, Products::template kBlocks<kQ4_0>,
               Products::template kBlocks<kQ4_1>, Products::template kBlocks<kQ5_0>, Products::template kBlocks<kQ5_1>,
               Products::template kBlocks<kQ8_0>, Products::template kBlocks<kQ2_K>, Products::template kBlocks<kQ3_K>,
               Products::template kBlocks<kQ4_K>, Products::template kBlocks<kQ5_K>, Products::template kBlocks<kQ6_K>,
               Products::template kBlocks<kIq4Nl>, Products::template kBlocks<kIq4Xs>,
               Products::template kBlocks<kMxfp4>},
      .kv = {kF32Kv, Products::kBf16Kv, kInt8Kv},
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
