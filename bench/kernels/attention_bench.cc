// Attention of one thread over a context. Names: table/attention/kv type/head size/queries/context: 1 query is decoding
// without shared heads, 8 with eight heads on one kv head, 64 a part of a prompt. 256 positions are one cut that stays
// in the cache; longer contexts come from memory, as the layers of a decoding step do. latent: keys of 576 whose first
// 512 elements are the values, for 16 or 128 heads. Both products count as work; GB/s are of keys and values.
#include <benchmark/benchmark.h>

#include <random>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "peak.h"

namespace skald::kernels {
namespace {

constexpr const char* kTypeNames[] = {"f32", "bf16", "int8"};
constexpr std::size_t kColdBytes = std::size_t{128} << 20;  // beyond every cache

struct Head {
  std::size_t k_dim, v_dim;
  bool latent;  // values are a part of the keys
};

/// Several contexts as a pool has them: the blocks of all layers lie together.
class Contexts {
 public:
  Contexts(const KvKernels& kernels, const Head& head, std::size_t positions)
      : k_bytes_(kernels.k_block_bytes(head.k_dim)),
        block_bytes_(k_bytes_ + (head.latent ? 0 : kernels.v_block_bytes(head.v_dim))),
        blocks_(positions / kBlock),
        count_(positions > kCut ? kColdBytes / (blocks_ * block_bytes_) + 1 : 1),
        memory_(blocks_ * count_ * block_bytes_) {
    std::mt19937 engine(1);
    std::normal_distribution<float> normal;
    std::vector<float> values(kBlock * head.k_dim);
    for (float& x : values) x = normal(engine);
    for (std::size_t b = 0; b < blocks_ * count_; ++b) {
      std::byte* const block = memory_.data() + b * block_bytes_;
      for (std::size_t slot = 0; slot < kBlock; ++slot) {
        const float* const row = values.data() + slot * head.k_dim;
        kernels.store_k(row, head.k_dim, slot, block);
        if (!head.latent) kernels.store_v(row, head.v_dim, slot, block + k_bytes_);
      }
    }
  }

  [[nodiscard]] std::size_t count() const { return count_; }
  [[nodiscard]] std::size_t bytes() const { return blocks_ * block_bytes_; }  // of one
  /// The key or value block at `b` of context `i`; nullptr past its end.
  [[nodiscard]] const std::byte* block(std::size_t i, std::size_t b, bool value) const {
    if (b >= blocks_) return nullptr;
    return memory_.data() + (b * count_ + i) * block_bytes_ + (value ? k_bytes_ : 0);
  }

 private:
  std::size_t k_bytes_, block_bytes_, blocks_, count_;
  Buffer memory_;
};

void attend(const KvKernels& kernels, const Head& head, const Contexts& contexts, std::size_t i,
            std::span<const CutQuery> queries) {
  constexpr std::size_t kBlocks = kCut / kBlock;
  const std::byte* k_blocks[2 * kBlocks];
  const std::byte* v_blocks[kBlocks];
  for (std::size_t first = 0; contexts.block(i, first, false) != nullptr; first += kBlocks) {
    for (std::size_t b = 0; b < 2 * kBlocks; ++b) k_blocks[b] = contexts.block(i, first + b, false);
    for (std::size_t b = 0; b < kBlocks; ++b) v_blocks[b] = contexts.block(i, first + b, true);
    kernels.attend_cut({.k_blocks = k_blocks,
                        .v_blocks = head.latent ? nullptr : v_blocks,
                        .next_k_blocks = k_blocks + kBlocks,
                        .k_dim = head.k_dim,
                        .v_dim = head.v_dim,
                        .scale = 0.1F,
                        .softcap = 0},
                       queries);
  }
}

void bench_attention(benchmark::State& state, const KernelTable& table, int type, const Head& head) {
  const auto n = static_cast<std::size_t>(state.range(0));
  const auto positions = static_cast<std::size_t>(state.range(1));
  const KvKernels& kernels = table.kv[type];
  const Contexts contexts(kernels, head, positions);
  std::mt19937 engine(2);
  std::normal_distribution<float> normal;
  std::vector<float> q(n * head.k_dim);
  for (float& x : q) x = normal(engine);
  std::vector<float> packed(n * head.k_dim);
  for (std::size_t i = 0; kernels.pack_q != nullptr && i < q.size(); i += head.k_dim) {
    kernels.pack_q(q.data() + i, head.k_dim, packed.data() + i);
  }
  std::vector<float> partials(n * (2 + head.v_dim));
  std::vector<CutQuery> queries;
  for (std::size_t i = 0; i < n; ++i) {
    queries.push_back({.q = (kernels.pack_q == nullptr ? q : packed).data() + i * head.k_dim,
                       .begin = 0,
                       .end = kCut,
                       .alibi_slope = 0,
                       .distance = 0,
                       .bias = nullptr,
                       .partial = partials.data() + i * (2 + head.v_dim)});
  }
  const double fma = fma_peak(table);
  const double read = positions > kCut ? read_peak(table, kColdBytes) : 0;
  std::size_t turn = 0;
  for (auto _ : state) attend(kernels, head, contexts, turn++ % contexts.count(), queries);
  const double flops = 2.0 * static_cast<double>(n * positions * (head.k_dim + head.v_dim));
  const double bytes = static_cast<double>(contexts.bytes());
  using benchmark::Counter;
  state.counters["GFLOPS"] = Counter(flops * 1e-9, Counter::kIsIterationInvariantRate);
  state.counters["GB/s"] = Counter(bytes * 1e-9, Counter::kIsIterationInvariantRate);
  state.counters["fma_share"] = Counter(flops * 1e-9 / fma, Counter::kIsIterationInvariantRate);
  if (read > 0) state.counters["read_share"] = Counter(bytes * 1e-9 / read, Counter::kIsIterationInvariantRate);
}

}  // namespace

void register_attention() {
  const auto add = [](const std::string& shape, int type, const Head& head, std::initializer_list<int> queries,
                      std::initializer_list<int> contexts) {
    const std::string name = std::string(table().name) + "/attention/" + kTypeNames[type] + "/" + shape;
    auto* bench = benchmark::RegisterBenchmark(
        name.c_str(), [=](benchmark::State& state) { bench_attention(state, table(), type, head); });
    for (const int context : contexts) {
      for (const int n : queries) bench->Args({n, context});
    }
  };
  for (int type = 0; type < kKvTypes; ++type) {
    add("64", type, {64, 64, false}, {1, 8, 64}, {256, 4096, 32768});
    add("128", type, {128, 128, false}, {1, 8, 64}, {256, 4096});
    add("latent", type, {576, 512, true}, {1, 16, 128}, {256});
  }
}

}  // namespace skald::kernels
