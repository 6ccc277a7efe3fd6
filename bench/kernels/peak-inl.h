// The FMA peak and the read bandwidth of one ISA.

namespace skald::kernels::SKALD_ISA {
namespace {

inline constexpr int kChains = kAccumulators > 16 ? 16 : kAccumulators;

/// `seeds` [kChains * kLanes] differ, so that the compiler cannot merge chains.
inline float fma_chains(const float* seeds, std::size_t steps) {
  Vec acc[kChains];
  SKALD_UNROLL
  for (int i = 0; i < kChains; ++i) acc[i] = load(seeds + i * kLanes);
  const Vec a = splat(0.999F);
  const Vec b = splat(0.001F);
  for (std::size_t s = 0; s < steps; ++s) {
    SKALD_UNROLL
    for (int i = 0; i < kChains; ++i) acc[i] = fma(acc[i], a, b);
  }
  Vec total = zero();
  SKALD_UNROLL
  for (int i = 0; i < kChains; ++i) total = total + acc[i];
  return sum(total);
}

inline float read_all(const float* p, std::size_t n) {
  constexpr std::size_t kAhead = 1024;
  Vec acc[4] = {zero(), zero(), zero(), zero()};
  for (std::size_t i = 0; i + 4 * kLanes <= n; i += 4 * kLanes) {
    SKALD_UNROLL
    for (int s = 0; s < 4; ++s) {
      __builtin_prefetch(p + i + kAhead + s * kLanes);
      acc[s] = acc[s] + load(p + i + s * kLanes);
    }
  }
  return sum((acc[0] + acc[1]) + (acc[2] + acc[3]));
}

constexpr double kFlopsPerStep = 2.0 * kLanes * kChains;

}  // namespace
}  // namespace skald::kernels::SKALD_ISA
