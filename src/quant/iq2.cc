#include "quant/iq2.h"

#include "base/float16.h"
#include "quant/iq_grids.h"
#include "quant/signs.h"

namespace skald::quant {
namespace {

constexpr std::array<float, 4> kLevels = {8, 25, 43, 0};  // the last is in no grid

// d as f16 bits, scale of 4 bits.
float scaled(std::uint16_t d, unsigned scale) {
  return to_float(Float16{d}) * (0.5F + static_cast<float>(scale)) * 0.25F;
}

void unpack_row(unsigned row, unsigned signs, float scale, float* out) {
  for (unsigned i = 0; i < 8; ++i) out[i] = scale * kLevels[row >> 2 * i & 3U] * sign_of(signs, i);
}

}  // namespace

void unpack(const Iq2XxsBlock& block, float* out) {
  for (std::size_t j = 0; j < 8; ++j) {
    const std::uint16_t* const group = &block.groups[4 * j];
    const std::uint32_t rest = group[2] | static_cast<std::uint32_t>(group[3]) << 16U;
    const float scale = scaled(block.d, rest >> 28U);
    for (unsigned k = 0; k < 4; ++k) {
      const unsigned row = kIq2XxsGrid[group[k / 2] >> k % 2 * 8 & 255U];
      unpack_row(row, whole_signs(rest >> 7 * k & 127U), scale, out + 32 * j + 8 * k);
    }
  }
}

void unpack(const Iq2XsBlock& block, float* out) {
  for (std::size_t g = 0; g < block.codes.size(); ++g) {
    const unsigned code = block.codes[g];
    const float scale = scaled(block.d, block.scales[g / 4] >> g / 2 % 2 * 4 & 15U);
    unpack_row(kIq2XsGrid[code & 511U], whole_signs(code >> 9U), scale, out + 8 * g);
  }
}

void unpack(const Iq2SBlock& block, float* out) {
  for (std::size_t g = 0; g < block.rows.size(); ++g) {
    const unsigned row = block.rows[g] | (block.high[g / 4] >> g % 4 * 2 & 3U) << 8U;
    const float scale = scaled(block.d, block.scales[g / 4] >> g / 2 % 2 * 4 & 15U);
    unpack_row(kIq2SGrid[row], block.signs[g], scale, out + 8 * g);
  }
}

}  // namespace skald::quant
