// Attention over bf16 keys and values where the processor multiplies pairs of bf16 (VDPBF16PS): queries are rounded to
// bf16 by pack_q, and so are the weights of a cut before they meet the values and their own sum.
//
// It is attention-inl.h's over pairs: a score is acc = dot_pair(q pair, k pair, acc) for ascending pairs of dimensions,
// a value the same over pairs of positions, of which one may lie outside a query's range.

namespace skald::kernels::SKALD_ISA {
namespace {

struct PairKv : RoundedWeights {
  static constexpr std::size_t kStep = 2;
  static constexpr std::size_t kStripBytes = kLanes * 4;
  using Row = Vec;        // of pairs
  using Latent = Bf16Kv;  // whose weights meet positions, not pairs of them
  static SKALD_INLINE Row get(const std::byte* p) { return load(reinterpret_cast<const float*>(p)); }
  static SKALD_INLINE const float* from(const float* x, std::size_t i) { return x + i / 2; }
  static SKALD_INLINE Vec add(const float* x, std::size_t i, const Row& row, const Vec& acc) {
    return dot_pair(splat(x[i / 2]), row, acc);
  }
  /// The other half of the row may be anything, that of x is finite.
  template <int kHalf>
  static SKALD_INLINE Vec add_half(const float* x, std::size_t i, const Row& row, const Vec& acc) {
    return dot_pair(splat(x[i / 2]), only_half<kHalf>(row), acc);
  }
};

constexpr KvKernels kPairKv = {bf16_k_block_bytes, bf16_v_block_bytes, store_bf16_k,
                               store_bf16_v,       pack_query,         attend_cut<PairKv>};

}  // namespace
}  // namespace skald::kernels::SKALD_ISA
