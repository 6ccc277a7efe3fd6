// Activations, and queries and weights of attention, rounded to bfloat16, for the products that multiply bf16 by bf16.

namespace skald::kernels::SKALD_ISA {
namespace {

/// Rounds n values to nearest even; zeros follow up to a multiple of 16.
inline void round_to_bf16(const float* x, std::size_t n, std::byte* out) {
  for (std::size_t i = 0; i < n; i += kLanes) {
    const Vec part = i + kLanes <= n ? load(x + i) : load_first(x + i, n - i);
    store_as_bf16(part, out + 2 * i);
  }
}

/// One query to pairs of bf16, in the first half of `out` [k_dim rounded up to 16]; zeros follow.
inline void pack_query(const float* q, std::size_t k_dim, float* out) {
  round_to_bf16(q, k_dim, reinterpret_cast<std::byte*>(out));
}

/// For softmax_row.
struct RoundedWeights {
  static constexpr bool kRounds = true;
  static constexpr bool kScaled = false;
  /// Weights of sixteen positions from p on as bf16, which take the first half of the scores' place; as they are then.
  static SKALD_INLINE Vec store_rounded(const Vec& e, std::size_t p, float* scores) {
    std::byte* const to = reinterpret_cast<std::byte*>(scores + p / 2);
    store_normal_as_bf16(e, to);  // exp gives none below
    return load_bf16(to);
  }
};

}  // namespace
}  // namespace skald::kernels::SKALD_ISA
