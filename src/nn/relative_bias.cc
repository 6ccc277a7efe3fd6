#include "nn/relative_bias.h"

#include <algorithm>
#include <cmath>

namespace skald::nn {

std::int64_t RelativeBuckets::of(std::int64_t offset) const {
  const std::int64_t count = both_sides ? buckets / 2 : buckets;
  const std::int64_t first = both_sides && offset > 0 ? count : 0;
  const std::int64_t distance = both_sides ? std::abs(offset) : std::max<std::int64_t>(-offset, 0);
  const std::int64_t exact = count / 2;
  if (distance < exact) return first + distance;
  // In f32, as the reference: buckets begin where it rounds them to.
  const auto widest = static_cast<float>(std::log(static_cast<double>(max_distance) / static_cast<double>(exact)));
  const float share = std::log(static_cast<float>(distance) / static_cast<float>(exact)) / widest;
  const auto further = static_cast<std::int64_t>(share * static_cast<float>(count - exact));
  return first + std::min(exact + further, count - 1);
}

RelativeBias make_relative_bias(const RelativeBuckets& buckets, const std::vector<std::vector<float>>& table) {
  const std::size_t n_heads = table.front().size();
  const auto width = static_cast<std::size_t>(2 * buckets.max_distance + 1);
  RelativeBias bias{.reach = buckets.max_distance, .values = std::vector<float>(n_heads * width)};
  for (std::size_t i = 0; i < width; ++i) {
    const auto& values = table[static_cast<std::size_t>(buckets.of(static_cast<std::int64_t>(i) - bias.reach))];
    for (std::size_t head = 0; head < n_heads; ++head) bias.values[head * width + i] = values[head];
  }
  return bias;
}

}  // namespace skald::nn
