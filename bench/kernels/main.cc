#include <benchmark/benchmark.h>

namespace skald::kernels {
void register_gemm();
void register_attention();
void register_recurrent();
}  // namespace skald::kernels

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  skald::kernels::register_gemm();
  skald::kernels::register_attention();
  skald::kernels::register_recurrent();
  benchmark::RunSpecifiedBenchmarks();
}
