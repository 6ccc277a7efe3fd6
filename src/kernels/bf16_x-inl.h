// Activations rounded to bfloat16, for the products that multiply bf16 by bf16.

namespace skald::kernels::SKALD_ISA {
namespace {

/// Rounds n values to nearest even; zeros follow up to a multiple of 16.
inline void round_to_bf16(const float* x, std::size_t n, std::byte* out) {
  for (std::size_t i = 0; i < n; i += kLanes) {
    const Vec part = i + kLanes <= n ? load(x + i) : load_first(x + i, n - i);
    store_as_bf16(part, out + 2 * i);
  }
}

}  // namespace
}  // namespace skald::kernels::SKALD_ISA
