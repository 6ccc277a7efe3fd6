#include "base/torch_random.h"

#include <algorithm>
#include <cmath>
#include <numeric>
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

}  // namespace skald
