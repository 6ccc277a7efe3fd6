#include "quant/iq3.h"

#include "base/float16.h"
#include "quant/iq_grids.h"
#include "quant/signs.h"

namespace skald::quant {
namespace {

constexpr std::array<float, 8> kXxsLevels = {4, 12, 20, 28, 36, 44, 52, 62};
constexpr std::array<float, 8> kSLevels = {1, 3, 5, 7, 9, 11, 13, 15};

// 8 weights: two rows.
void unpack_rows(const std::array<float, 8>& levels, std::array<unsigned, 2> rows, unsigned signs, float scale,
                 float* out) {
  for (unsigned i = 0; i < 8; ++i) out[i] = scale * levels[rows[i / 4] >> i % 4 * 3 & 7U] * sign_of(signs, i);
}

}  // namespace

void unpack(const Iq3XxsBlock& block, float* out) {
  const float d = to_float(Float16{block.d});
  for (std::size_t g = 0; g < 32; ++g) {
    const std::uint16_t* const half = &block.rest[g / 4 * 2];
    const std::uint32_t rest = half[0] | static_cast<std::uint32_t>(half[1]) << 16U;
    const float scale = d * (0.5F + static_cast<float>(rest >> 28U)) * 0.5F;
    const unsigned signs = whole_signs(rest >> g % 4 * 7 & 127U);
    unpack_rows(kXxsLevels, {kIq3XxsGrid[block.rows[2 * g]], kIq3XxsGrid[block.rows[2 * g + 1]]}, signs, scale,
                out + 8 * g);
  }
}

void unpack(const Iq3SBlock& block, float* out) {
  const float d = to_float(Float16{block.d});
  const auto row = [&](std::size_t r) {
    return unsigned{kIq3SGrid[block.rows[r] | (block.high[r / 8] >> r % 8 & 1U) << 8U]};
  };
  for (std::size_t g = 0; g < 32; ++g) {
    const unsigned scale = block.scales[g / 8] >> g / 4 % 2 * 4 & 15U;
    unpack_rows(kSLevels, {row(2 * g), row(2 * g + 1)}, block.signs[g], d * static_cast<float>(1 + 2 * scale),
                out + 8 * g);
  }
}

}  // namespace skald::quant
