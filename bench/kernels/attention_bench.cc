// Attention of one thread over one full cut of 256 keys. Names: table/attention/kv type/head size/queries: 1 is
// decoding without shared heads, 8 with eight heads on one kv head, 96 a chunk of a prompt. Both products count as
// work.
#include <benchmark/benchmark.h>

#include <random>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "peak.h"

namespace skald::kernels {
namespace {

constexpr const char* kTypeNames[] = {"f32", "bf16"};

void bench_attention(benchmark::State& state, const KernelTable& table, int type, std::size_t dim) {
  const auto n = static_cast<std::size_t>(state.range(0));
  const KvKernels& kernels = table.kv[type];
  std::mt19937 engine(1);
  std::normal_distribution<float> normal;
  std::vector<float> q(std::max(n, kCut) * dim);
  for (float& x : q) x = normal(engine);
  constexpr std::size_t kBlocks = kCut / kBlock;
  Buffer memory(kBlocks * (kernels.k_block_bytes(dim) + kernels.v_block_bytes(dim)));
  const std::byte* k_blocks[kBlocks];
  const std::byte* v_blocks[kBlocks];
  std::byte* next = memory.data();
  for (std::size_t b = 0; b < kBlocks; ++b) {
    std::byte* k = next;
    std::byte* v = k + kernels.k_block_bytes(dim);
    next = v + kernels.v_block_bytes(dim);
    for (std::size_t slot = 0; slot < kBlock; ++slot) {
      kernels.store_k(q.data() + (b * kBlock + slot) * dim, dim, slot, k);
      kernels.store_v(q.data() + (b * kBlock + slot) * dim, dim, slot, v);
    }
    k_blocks[b] = k;
    v_blocks[b] = v;
  }
  const CutKeys keys{
      .k_blocks = k_blocks, .v_blocks = v_blocks, .k_dim = dim, .v_dim = dim, .scale = 0.1F, .softcap = 0};
  std::vector<float> partials(n * (2 + dim));
  std::vector<CutQuery> queries;
  for (std::size_t i = 0; i < n; ++i) {
    queries.push_back({.q = q.data() + i * dim,
                       .begin = 0,
                       .end = kCut,
                       .alibi_slope = 0,
                       .distance = 0,
                       .bias = nullptr,
                       .partial = partials.data() + i * (2 + dim)});
  }
  const double fma = fma_peak(table);
  for (auto _ : state) kernels.attend_cut(keys, queries);
  const double flops = 4.0 * static_cast<double>(n * kCut * dim);
  using benchmark::Counter;
  state.counters["GFLOPS"] = Counter(flops * 1e-9, Counter::kIsIterationInvariantRate);
  state.counters["GB/s"] = Counter(static_cast<double>(memory.size()) * 1e-9, Counter::kIsIterationInvariantRate);
  state.counters["fma_share"] = Counter(flops * 1e-9 / fma, Counter::kIsIterationInvariantRate);
}

}  // namespace

void register_attention() {
  for (int type = 0; type < kKvTypes; ++type) {
    for (const std::size_t dim : {64, 128}) {
      const std::string name = std::string(table().name) + "/attention/" + kTypeNames[type] + "/" + std::to_string(dim);
      auto* bench = benchmark::RegisterBenchmark(
          name.c_str(), [=](benchmark::State& state) { bench_attention(state, table(), type, dim); });
      for (const int n : {1, 8, 96}) bench->Arg(n);
    }
  }
}

}  // namespace skald::kernels
