#include "peak.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <ctime>
#include <string_view>

#include "base/buffer.h"

namespace skald::kernels {
namespace {

constexpr int kTries = 5;

// Of processor time, as Google Benchmark's rates are: other programs may share the machine.
double thread_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

template <class F>
double best_seconds(F f) {
  double best = 1e9;
  for (int i = 0; i < kTries; ++i) {
    const double start = thread_seconds();
    benchmark::DoNotOptimize(f());
    best = std::min(best, thread_seconds() - start);
  }
  return best;
}

}  // namespace

const PeakLoops& peak_loops(const KernelTable& table) {
#if defined(__x86_64__) && !defined(SKALD_PORTABLE)
  const std::string_view name = table.name;
  if (name == "avx2") return avx2::kPeakLoops;
  if (name != "scalar") return avx512::kPeakLoops;
#endif
  return scalar::kPeakLoops;
}

double fma_peak(const KernelTable& table) {
  const PeakLoops& loops = peak_loops(table);
  const auto steps = static_cast<std::size_t>(std::string_view(table.name) == "scalar" ? 2e4 : 4e5);
  float seeds[256];
  for (int i = 0; i < 256; ++i) seeds[i] = 1.0F / static_cast<float>(1 + i);
  const double seconds = best_seconds([&] { return loops.fma_chains(seeds, steps); });
  return loops.flops_per_step * static_cast<double>(steps) / seconds * 1e-9;
}

double read_peak(const KernelTable& table, std::size_t bytes) {
  static Buffer memory(std::size_t{512} << 20);
  static const bool touched = [] {
    for (float& x : memory.as<float>()) x = 1.0F;
    return true;
  }();
  benchmark::DoNotOptimize(touched);
  bytes = std::min(bytes, memory.size());
  const float* p = memory.as<float>().data();
  const std::size_t repeats = std::max<std::size_t>(1, (std::size_t{64} << 20) / bytes);
  const double seconds = best_seconds([&] {
    float total = 0;
    for (std::size_t r = 0; r < repeats; ++r) total += peak_loops(table).read_all(p, bytes / sizeof(float));
    return total;
  });
  return static_cast<double>(bytes * repeats) / seconds * 1e-9;
}

}  // namespace skald::kernels
