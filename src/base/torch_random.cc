#include "base/torch_random.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <sstream>
#include <utility>

namespace skald {

float TorchGenerator::exponential_of(std::uint64_t long_word) {
  const std::uint64_t bits = long_word & ((std::uint64_t{1} << 53) - 1);
  return static_cast<float>(-std::log1p(-static_cast<double>(bits) * 0x1p-53));
}

void TorchGenerator::randperm(std::span<std::int32_t> out, std::size_t n_wanted) {
  std::iota(out.begin(), out.end(), 0);
  const std::size_t n = out.size();
  for (std::size_t i = 0; i < std::min(n_wanted, n) && i + 1 < n; ++i) {
    std::swap(out[i], out[i + randint(static_cast<std::uint32_t>(n - i))]);
  }
}

// The standard writes an engine as its words; libstdc++ and libc++ put what comes next behind them.
std::uint32_t TorchGenerator::state(std::span<std::uint32_t> words) const {
  std::stringstream text;
  text << engine_;
  for (std::uint32_t& word : words) text >> word;
  std::uint32_t next = 0;
  text >> next;
  return next;
}

void TorchGenerator::set_state(std::span<const std::uint32_t> words, std::uint32_t next) {
  std::stringstream text;
  for (const std::uint32_t word : words) text << word << ' ';
  text << next;
  text >> engine_;
}

}  // namespace skald
