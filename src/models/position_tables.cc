#include "models/position_tables.h"

#include <cmath>
#include <cstddef>

namespace skald::models {
namespace {

constexpr double kSlowest = 10000;

// table[position, k] = sin(angle(position, k)), table[position, half + k] = cos(angle(position, k)).
template <typename Angle>
std::vector<float> fill(std::int64_t n, std::int64_t width, std::int64_t half, const Angle& angle) {
  std::vector<float> table(static_cast<std::size_t>(n * width));
  float* row = table.data();
  for (std::int64_t position = 0; position < n; ++position, row += width) {
    for (std::int64_t k = 0; k < half; ++k) row[k] = static_cast<float>(std::sin(angle(position, k)));
    for (std::int64_t k = 0; k < width / 2; ++k) row[half + k] = static_cast<float>(std::cos(angle(position, k)));
  }
  return table;
}

}  // namespace

std::vector<float> sines(std::int64_t n, std::int64_t width) {
  return fill(n, width, (width + 1) / 2, [&](std::int64_t position, std::int64_t k) {
    return static_cast<double>(position) / std::pow(kSlowest, static_cast<double>(2 * k) / static_cast<double>(width));
  });
}

std::vector<float> sines_of_fairseq(std::int64_t n, std::int64_t width) {
  const std::int64_t half = width / 2;
  const auto fall = static_cast<float>(std::log(kSlowest) / static_cast<double>(half - 1));
  return fill(n, width, width / 2, [&](std::int64_t position, std::int64_t k) {
    const auto frequency = static_cast<float>(std::exp(static_cast<double>(static_cast<float>(k) * -fall)));
    return static_cast<double>(static_cast<float>(position) * frequency);
  });
}

}  // namespace skald::models
