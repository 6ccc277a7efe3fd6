#include "skald/system.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

#include "base/buffer.h"
#include "base/cpu_features.h"
#include "base/thread_pool.h"
#include "kernels/kernels.h"

#ifndef SKALD_VERSION
#define SKALD_VERSION "0.1.0"
#endif

namespace skald {
namespace {

// Bytes of the last-level cache, 32 MiB where the system does not say.
std::size_t last_level_cache() {
  std::size_t largest = 0;
  for (int index = 0; index < 8; ++index) {
    std::ifstream file("/sys/devices/system/cpu/cpu0/cache/index" + std::to_string(index) + "/size");
    std::size_t size = 0;
    char unit = 0;
    if (!(file >> size)) continue;
    file >> unit;
    largest = std::max(largest, size << (unit == 'M' ? 20 : unit == 'K' ? 10 : 0));
  }
  return largest > 0 ? largest : std::size_t{32} << 20;
}

// Sixteen running sums: enough loads in flight in any vector width.
std::uint64_t read_all(const std::uint64_t* data, std::size_t n) {
  std::array<std::uint64_t, 16> sums{};
  for (std::size_t i = 0; i + sums.size() <= n; i += sums.size()) {
    for (std::size_t lane = 0; lane < sums.size(); ++lane) sums[lane] += data[i + lane];
  }
  std::uint64_t total = 0;
  for (const std::uint64_t sum : sums) total += sum;
  return total;
}

}  // namespace

const char* version() { return SKALD_VERSION; }

SystemInfo system_info() {
  SystemInfo info;
  info.cpu = cpu_name();
  info.cpu_features = cpu_features().to_string();
  for (const kernels::KernelTable* const table : kernels::available_tables()) {
    info.kernel_tables.emplace_back(table->name);
  }
  info.kernel_table = kernels::table().name;
  info.threads = usable_cpu_count();
  info.memory_available = available_memory();
  return info;
}

double measure_memory_bandwidth(int threads) {
  using Clock = std::chrono::steady_clock;
  constexpr auto kTime = std::chrono::milliseconds(300);
  // Four times the cache, so that little of a pass is left in it; never more than an eighth of what is free.
  const std::size_t wanted = std::max(std::size_t{256} << 20, 4 * last_level_cache());
  const std::size_t n_words = std::min({wanted, std::size_t{2} << 30, available_memory() / 8}) / sizeof(std::uint64_t);
  ThreadPool pool(threads);
  Buffer buffer(n_words * sizeof(std::uint64_t));
  const auto words = buffer.as<std::uint64_t>();
  pool.parallel_for(n_words, 4096, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) words[i] = i;  // first touch on the thread that reads it
  });
  std::atomic<std::uint64_t> sink = 0;
  double best = 0;
  for (const auto start = Clock::now(); Clock::now() - start < kTime || best == 0;) {
    const auto pass = Clock::now();
    pool.parallel_for(n_words, 4096, [&](std::size_t begin, std::size_t end) {
      sink.fetch_add(read_all(words.data() + begin, end - begin), std::memory_order_relaxed);
    });
    const double seconds = std::chrono::duration<double>(Clock::now() - pass).count();
    best = std::max(best, static_cast<double>(n_words * sizeof(std::uint64_t)) / seconds);
  }
  return best;
}

std::size_t peak_memory() { return peak_resident_memory(); }

}  // namespace skald
