// y = x · Wᵀ for bf16 weights where the processor multiplies pairs of bf16 (VDPBF16PS). x is rounded to bf16 by pack_x.
//
// packed x: [m] rows of k bfloat16, zero up to a multiple of 32. A panel (pack.h) is [k / 2][32 outputs][2].
//
// It is gemm-inl.h's product over pairs of inputs, a pair of bf16 in the place of a float: an output is
// acc = dot_pair(x pair, w pair, acc) for ascending pairs, from acc = 0.
//
// Zen 5: 510 GFLOPS of VDPBF16PS a core beside 255 of f32's FMAs. 2048 x 2048, beside bf16 widened for FMAs: 1 row 0.95
// to 1 of memory (as before), 8 rows 280 GFLOPS (230), 16 rows 290 (200), 512 rows 428 = 0.84 of the peak (222). Blocks
// of 128, 256 or 1024 pairs: no better.

namespace skald::kernels::SKALD_ISA {
namespace {

struct PairPanel {
  static constexpr std::size_t kStep = 1;
  static constexpr std::size_t kStrideBytes = kPanel * 4;
  static constexpr std::size_t kStripBytes = kLanes * 4;
  static constexpr bool kPrefetch = true;
  static std::size_t bytes(std::size_t pairs) { return panel_bytes(WeightFormat::bf16, 2 * pairs); }
  static SKALD_INLINE void load_step(const std::byte* p, Vec (&w)[1]) {
    w[0] = load(reinterpret_cast<const float*>(p));
  }
  static SKALD_INLINE Vec multiply_add(Vec x, Vec w, Vec acc) { return dot_pair(x, w, acc); }
};

constexpr std::size_t row_pairs(std::size_t k) { return (k + 31) / 32 * 16; }

inline std::size_t packed_pairs_bytes(std::size_t m, std::size_t k) { return m * row_pairs(k) * 4; }

inline void pack_pairs(const float* x, std::size_t x_stride, std::size_t k, std::size_t row_begin, std::size_t row_end,
                       std::size_t, std::byte* out) {
  for (std::size_t row = row_begin; row < row_end; ++row)
    round_to_bf16(x + row * x_stride, k, out + row * row_pairs(k) * 4);
}

inline void pair_gemm(const GemmCall& call, std::size_t panel_begin, std::size_t panel_end) {
  GemmCall pairs = call;
  pairs.x = reinterpret_cast<const float*>(call.packed_x);
  pairs.x_stride = row_pairs(call.k);
  pairs.k = (call.k + 1) / 2;
  gemm<PairPanel>(pairs, panel_begin, panel_end);
}

inline constexpr GemmKernels kPairGemm = {XForm::bf16, packed_pairs_bytes, pack_pairs, pair_gemm};

struct PairProducts : VectorProducts {
  static constexpr GemmKernels kBf16 = kPairGemm;
  static constexpr KvKernels kBf16Kv = kPairKv;
};

}  // namespace
}  // namespace skald::kernels::SKALD_ISA
