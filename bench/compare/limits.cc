// limits THREADS: what this machine can do at most, as a worker of bench/compare (see workers/protocol.py):
//   memory   {"rate": bytes a second that the threads read from memory}
//   fma      {"rate": f32 operations a second of their FMAs in registers}
//   int8     {"rate": operations a second of their tiles of int8}, bf16 the same; where the processor has tiles
#include <chrono>
#include <functional>
#include <iostream>
#include <numeric>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "base/cpu_features.h"
#include "kernels/peak.h"
#include "skald/system.h"

namespace {

using skald::CpuFeature;

// Sum of what `rate` gives on each of `threads` threads that run at once.
double on_threads(int threads, const std::function<double()>& rate) {
  std::vector<double> rates(static_cast<std::size_t>(threads));
  std::vector<std::thread> running;
  for (double& each : rates) running.emplace_back([&] { each = rate(); });
  for (std::thread& thread : running) thread.join();
  return std::accumulate(rates.begin(), rates.end(), 0.0);
}

#if defined(__x86_64__)
// The operand of LDTILECFG (Intel SDM vol. 1, 18.2): palette 1, all eight tiles of 16 rows by 64 bytes.
struct alignas(64) TileConfig {
  std::uint8_t palette = 1;
  std::uint8_t start_row = 0;
  std::uint8_t reserved[14] = {};
  std::uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

constexpr int kProducts = 4;  // of a pass: independent accumulators

void int8_pass() {
  asm volatile(
      "tdpbssd %tmm5, %tmm4, %tmm0\n\ttdpbssd %tmm7, %tmm6, %tmm1\n\t"
      "tdpbssd %tmm5, %tmm4, %tmm2\n\ttdpbssd %tmm7, %tmm6, %tmm3");
}

void bf16_pass() {
  asm volatile(
      "tdpbf16ps %tmm5, %tmm4, %tmm0\n\ttdpbf16ps %tmm7, %tmm6, %tmm1\n\t"
      "tdpbf16ps %tmm5, %tmm4, %tmm2\n\ttdpbf16ps %tmm7, %tmm6, %tmm3");
}

// Operations a second of one thread; a product has `k` multiplications for each of 16 x 16 sums.
double tile_rate(void (*pass)(), int k) {
  static constexpr TileConfig kConfig;
  asm volatile("ldtilecfg %0" : : "m"(kConfig) : "memory");  // which also zeroes the tiles
  constexpr int kPasses = 1 << 20;
  double best = 1e9;
  for (int i = 0; i < 5; ++i) {
    const auto start = std::chrono::steady_clock::now();
    for (int p = 0; p < kPasses; ++p) pass();
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  asm volatile("tilerelease" : : : "memory");
  return 2.0 * 16 * 16 * k * kProducts * kPasses / best;
}

double tiles(const std::string& what) {
  const bool int8 = what == "int8";
  if (!skald::cpu_features().has({CpuFeature::amx_tile, int8 ? CpuFeature::amx_int8 : CpuFeature::amx_bf16})) {
    throw std::runtime_error("no AMX");
  }
  return int8 ? tile_rate(int8_pass, 64) : tile_rate(bf16_pass, 32);
}
#else
double tiles(const std::string&) { throw std::runtime_error("no AMX"); }
#endif

double rate_of(const std::string& what, int threads) {
  if (what == "memory") return skald::measure_memory_bandwidth(threads);
  if (what == "fma") return on_threads(threads, [] { return 1e9 * skald::kernels::fma_peak(skald::kernels::table()); });
  if (what == "int8" || what == "bf16") {
    tiles(what);  // throws here, not in a thread
    return on_threads(threads, [&] { return tiles(what); });
  }
  throw std::invalid_argument("no limit '" + what + "'");
}

}  // namespace

int main(int argc, char** argv) {
  const int threads = argc == 2 ? std::stoi(argv[1]) : 1;
  std::cout << R"({"load_s": 0})" << std::endl;
  for (std::string what; std::getline(std::cin, what);) {
    try {
      const double rate = rate_of(what, threads);
      std::cout << R"({"rate": )" << rate << "}" << std::endl;
    } catch (const std::exception& error) {
      std::cout << R"({"not_run": ")" << error.what() << "\"}" << std::endl;
    }
  }
  return 0;
}
