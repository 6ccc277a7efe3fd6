// The state space of one head of 64 x 128 (as most Mamba-2 models have it), by rows: 1 is decoding, where states come
// from memory (one of many heads at a time), 256 a chunk of a prompt, where the state stays in the nearest cache.
// Bytes: the state read and written once a call.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "peak.h"

namespace skald::kernels {
namespace {

constexpr std::size_t kHeadDim = 64;
constexpr std::size_t kStateSize = 128;
constexpr std::size_t kHeads = 2048;  // 64 MiB of states, twice

void bench_scan(benchmark::State& state, const KernelTable& table) {
  const auto rows = static_cast<std::size_t>(state.range(0));
  constexpr std::size_t kStride = kHeadDim + 2 * kStateSize;
  std::mt19937 engine(1);
  std::normal_distribution<float> normal;
  std::vector<float> in(rows * kStride);
  for (float& x : in) x = normal(engine);
  Buffer memory(2 * kHeads * kHeadDim * kStateSize * sizeof(float));  // as a state pool aligns it
  const std::span<float> before = memory.as<float>().first(kHeads * kHeadDim * kStateSize);
  const std::span<float> after = memory.as<float>().subspan(before.size());
  std::vector<float> y(rows * kHeadDim);
  ScanHead head{.x = in.data(),
                .b = in.data() + kHeadDim,
                .c = in.data() + kHeadDim + kStateSize,
                .stride = kStride,
                .dt = in.data(),
                .dt_stride = kStride,
                .dt_bias = -2,
                .dt_low = 0,
                .dt_high = 1,
                .a = -0.5F,
                .d = 1,
                .before = nullptr,
                .after = nullptr,
                .y = y.data(),
                .y_stride = kHeadDim,
                .rows = rows,
                .head_dim = kHeadDim,
                .state_size = kStateSize};
  std::ranges::fill(memory.as<float>(), 0.5F);
  const double fma = fma_peak(table);
  std::size_t next = 0;
  for (auto _ : state) {
    const std::size_t at = next++ % kHeads * kHeadDim * kStateSize;
    head.before = before.data() + at;
    head.after = after.data() + at;
    table.scan(head);
  }
  const double flops = 6.0 * static_cast<double>(rows * kHeadDim * kStateSize);  // a product counts as an FMA
  const double bytes = 8.0 * kHeadDim * kStateSize;
  using benchmark::Counter;
  state.counters["GFLOPS"] = Counter(flops * 1e-9, Counter::kIsIterationInvariantRate);
  state.counters["GB/s"] = Counter(bytes * 1e-9, Counter::kIsIterationInvariantRate);
  state.counters["fma_share"] = Counter(flops * 1e-9 / fma, Counter::kIsIterationInvariantRate);
}

}  // namespace

void register_recurrent() {
  auto* bench = benchmark::RegisterBenchmark((std::string(table().name) + "/scan/64x128").c_str(),
                                             [](benchmark::State& state) { bench_scan(state, table()); });
  for (const int rows : {1, 16, 256}) bench->Arg(rows);
}

}  // namespace skald::kernels
