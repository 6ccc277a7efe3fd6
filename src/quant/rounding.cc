#include "quant/rounding.h"

#include <algorithm>
#include <cmath>

#include "base/float16.h"

namespace skald::quant {
namespace {

// 1 / d, or 0: the codes are then all those of 0.
float inverse(float d) { return d == 0 ? 0.0F : 1.0F / d; }

// Towards 0, into [0, most]; NaN gives 0.
std::uint8_t to_code(float value, int most) {
  if (value >= static_cast<float>(most)) return static_cast<std::uint8_t>(most);
  return value > 0 ? static_cast<std::uint8_t>(value) : 0;
}

}  // namespace

RoundedBlock round_symmetric(const float* x, int zero) {
  const float extreme = *std::max_element(x, x + kRounded, [](float a, float b) { return std::abs(a) < std::abs(b); });
  const float d = extreme / -static_cast<float>(zero);
  const float factor = inverse(d);
  RoundedBlock block{.codes = {}, .d = to_float16(d).bits, .min = 0};
  for (std::size_t i = 0; i < kRounded; ++i) {
    block.codes[i] = to_code(x[i] * factor + (static_cast<float>(zero) + 0.5F), 2 * zero - 1);
  }
  return block;
}

RoundedBlock round_range(const float* x, int most) {
  const auto [low, high] = std::minmax_element(x, x + kRounded);
  const float min = *low;
  const float d = (*high - min) / static_cast<float>(most);
  const float factor = inverse(d);
  RoundedBlock block{.codes = {}, .d = to_float16(d).bits, .min = to_float16(min).bits};
  for (std::size_t i = 0; i < kRounded; ++i) block.codes[i] = to_code((x[i] - min) * factor + 0.5F, most);
  return block;
}

}  // namespace skald::quant
