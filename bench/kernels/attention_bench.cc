// Attention of one thread over one full cut of 256 keys. Names: table/attention/kv type/head size/queries: 1 is
// decoding without shared heads, 8 with eight heads on one kv head, 96 a chunk of a prompt. latent: keys of 576 whose
// first 512 elements are the values, for 16 or 128 heads. Both products count as work.
#include <benchmark/benchmark.h>

#include <random>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "peak.h"

namespace skald::kernels {
namespace {

constexpr const char* kTypeNames[] = {"f32", "bf16"};

struct Head {
  std::size_t k_dim, v_dim;
  bool latent;  // values are a part of the keys
};

void bench_attention(benchmark::State& state, const KernelTable& table, int type, const Head& head) {
  const auto n = static_cast<std::size_t>(state.range(0));
  const KvKernels& kernels = table.kv[type];
  std::mt19937 engine(1);
  std::normal_distribution<float> normal;
  std::vector<float> q(std::max(n, kCut) * head.k_dim);
  for (float& x : q) x = normal(engine);
  constexpr std::size_t kBlocks = kCut / kBlock;
  const std::size_t v_bytes = head.latent ? 0 : kernels.v_block_bytes(head.v_dim);
  Buffer memory(kBlocks * (kernels.k_block_bytes(head.k_dim) + v_bytes));
  const std::byte* k_blocks[kBlocks];
  const std::byte* v_blocks[kBlocks];
  std::byte* next = memory.data();
  for (std::size_t b = 0; b < kBlocks; ++b) {
    std::byte* k = next;
    std::byte* v = k + kernels.k_block_bytes(head.k_dim);
    next = v + v_bytes;
    for (std::size_t slot = 0; slot < kBlock; ++slot) {
      const float* const values = q.data() + (b * kBlock + slot) * head.k_dim;
      kernels.store_k(values, head.k_dim, slot, k);
      if (!head.latent) kernels.store_v(values, head.v_dim, slot, v);
    }
    k_blocks[b] = k;
    v_blocks[b] = v;
  }
  const CutKeys keys{.k_blocks = k_blocks,
                     .v_blocks = head.latent ? nullptr : v_blocks,
                     .k_dim = head.k_dim,
                     .v_dim = head.v_dim,
                     .scale = 0.1F,
                     .softcap = 0};
  std::vector<float> partials(n * (2 + head.v_dim));
  std::vector<CutQuery> queries;
  for (std::size_t i = 0; i < n; ++i) {
    queries.push_back({.q = q.data() + i * head.k_dim,
                       .begin = 0,
                       .end = kCut,
                       .alibi_slope = 0,
                       .distance = 0,
                       .bias = nullptr,
                       .partial = partials.data() + i * (2 + head.v_dim)});
  }
  const double fma = fma_peak(table);
  for (auto _ : state) kernels.attend_cut(keys, queries);
  const double flops = 2.0 * static_cast<double>(n * kCut * (head.k_dim + head.v_dim));
  using benchmark::Counter;
  state.counters["GFLOPS"] = Counter(flops * 1e-9, Counter::kIsIterationInvariantRate);
  state.counters["GB/s"] = Counter(static_cast<double>(memory.size()) * 1e-9, Counter::kIsIterationInvariantRate);
  state.counters["fma_share"] = Counter(flops * 1e-9 / fma, Counter::kIsIterationInvariantRate);
}

}  // namespace

void register_attention() {
  const auto add = [](const std::string& shape, int type, const Head& head, std::initializer_list<int> queries) {
    const std::string name = std::string(table().name) + "/attention/" + kTypeNames[type] + "/" + shape;
    auto* bench = benchmark::RegisterBenchmark(
        name.c_str(), [=](benchmark::State& state) { bench_attention(state, table(), type, head); });
    for (const int n : queries) bench->Arg(n);
  };
  for (int type = 0; type < kKvTypes; ++type) {
    add("64", type, {64, 64, false}, {1, 8, 96});
    add("128", type, {128, 128, false}, {1, 8, 96});
    add("latent", type, {576, 512, true}, {1, 16, 128});
  }
}

}  // namespace skald::kernels
