// Matrix products of one thread at the shapes of a 1.1 B and an 11 M Llama. Names: table/format/n x k/m. Counters:
// GFLOPS; GB/s of weights; fma_share: of the FMA peak of f32, which products of bytes and of pairs of bf16 may exceed;
// read_share: of the read bandwidth for a working set of the same size; both measured beside each case. Weights rotate
// through as much memory as the model's would.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <string>

#include "base/buffer.h"
#include "kernels/block_pack.h"
#include "kernels/pack.h"
#include "peak.h"

namespace skald::kernels {
namespace {

struct Shape {
  std::size_t n, k, working_set;
};
constexpr std::size_t kLarge = std::size_t{256} << 20;
constexpr std::size_t kSmall = std::size_t{16} << 20;
constexpr Shape kShapes[] = {{2048, 2048, kLarge}, {5632, 2048, kLarge}, {2048, 5632, kLarge}, {32000, 2048, kLarge},
                             {384, 384, kSmall},   {1024, 384, kSmall},  {384, 1024, kSmall},  {4096, 384, kSmall}};
constexpr std::size_t kRows[] = {1, 2, 4, 8, 16, 64, 512};
constexpr const char* kFormatNames[] = {"f32",  "bf16", "f16",    "int8",   "int6", "int4", "q4_0",
                                        "q4_1", "q5_0", "q5_1",   "q8_0",   "q2_k", "q3_k", "q4_k",
                                        "q5_k", "q6_k", "iq4_nl", "iq4_xs", "mxfp4"};

void fill(std::span<float> values) {
  std::mt19937 engine(1);
  std::uniform_real_distribution<float> uniform(-1.0F, 1.0F);
  for (float& v : values) v = uniform(engine);
}

// One product after another over copies of the weights, so that they come from where a model's would.
class Product {
 public:
  Product(const GemmKernels& kernels, WeightFormat format, const Shape& shape, std::size_t m)
      : kernels_(kernels),
        panel_bytes_(panel_bytes(format, shape.k)),
        panels_((shape.n + kPanel - 1) / kPanel),
        copies_(std::max<std::size_t>(1, shape.working_set / weight_bytes())),
        w_(copies_ * weight_bytes()),
        x_(m * shape.k * sizeof(float)),
        y_(m * shape.n * sizeof(float)),
        packed_x_(kernels.packed_x_bytes(m, shape.k)),
        call_{.x = x_.as<float>().data(),
              .x_stride = shape.k,
              .packed_x = packed_x_.data(),
              .w = nullptr,
              .y = y_.as<float>().data(),
              .y_stride = shape.n,
              .m = m,
              .n = shape.n,
              .k = shape.k} {
    fill(x_.as<float>());
    Buffer rows(kPanel * shape.k * sizeof(float));
    fill(rows.as<float>());
    pack_panel(format, rows.as<float>().data(), kPanel, shape.k, w_.data());
    for (std::size_t p = 1; p < copies_ * panels_; ++p)
      std::memcpy(w_.data() + p * panel_bytes_, w_.data(), panel_bytes_);
  }
  void run() {
    call_.w = w_.data() + next_++ % copies_ * weight_bytes();
    kernels_.pack_x(call_.x, call_.x_stride, call_.k, 0, call_.m, call_.m, packed_x_.data());
    kernels_.gemm(call_, 0, panels_);
  }
  [[nodiscard]] std::size_t weight_bytes() const { return panels_ * panel_bytes_; }
  [[nodiscard]] std::size_t working_set() const { return w_.size(); }

 private:
  const GemmKernels& kernels_;
  std::size_t panel_bytes_, panels_, copies_;
  Buffer w_, x_, y_, packed_x_;
  GemmCall call_;
  std::size_t next_ = 0;
};

void bench_gemm(benchmark::State& state, const KernelTable& table, int format, const Shape& shape) {
  const auto m = static_cast<std::size_t>(state.range(0));
  Product product(table.gemm[format], static_cast<WeightFormat>(format), shape, m);
  const double read = read_peak(table, product.working_set());
  const double fma = fma_peak(table);
  for (auto _ : state) product.run();
  const double flops = 2.0 * static_cast<double>(m * shape.n * shape.k);
  const auto bytes = static_cast<double>(product.weight_bytes());
  using benchmark::Counter;
  state.counters["GFLOPS"] = Counter(flops * 1e-9, Counter::kIsIterationInvariantRate);
  state.counters["GB/s"] = Counter(bytes * 1e-9, Counter::kIsIterationInvariantRate);
  state.counters["fma_share"] = Counter(flops * 1e-9 / fma, Counter::kIsIterationInvariantRate);
  state.counters["read_share"] = Counter(bytes * 1e-9 / read, Counter::kIsIterationInvariantRate);
}

}  // namespace

/// Every shape in f32; the other formats at one shape of each model, those that are only read not at all. On the table
/// in use: SKALD_ISA chooses another.
void register_gemm() {
  for (int format = 0; format < kWeightFormats; ++format) {
    const auto named = static_cast<WeightFormat>(format);
    if (in_blocks(named) && stored_blocks(named).pack == nullptr) continue;
    for (std::size_t i = 0; i < std::size(kShapes); ++i) {
      if (format > 0 && i % 4 != 2) continue;
      const Shape& shape = kShapes[i];
      const std::string name = std::string(table().name) + "/" + kFormatNames[format] + "/" + std::to_string(shape.n) +
                               "x" + std::to_string(shape.k);
      auto* bench = benchmark::RegisterBenchmark(
          name.c_str(), [=](benchmark::State& state) { bench_gemm(state, table(), format, shape); });
      for (const std::size_t m : kRows) bench->Arg(static_cast<std::int64_t>(m));
    }
  }
}

}  // namespace skald::kernels
