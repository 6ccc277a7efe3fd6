#include "quant/iq1.h"

#include "base/float16.h"
#include "quant/iq_grids.h"

namespace skald::quant {
namespace {

void unpack_row(unsigned row, bool negative, float scale, float* out) {
  const float delta = negative ? -0.125F : 0.125F;
  for (unsigned i = 0; i < 8; ++i) {
    out[i] = scale * (static_cast<float>(static_cast<int>(kIq1Grid[row] >> 2 * i & 3) - 1) + delta);
  }
}

}  // namespace

void unpack(const Iq1SBlock& block, float* out) {
  const float d = to_float(Float16{block.d});
  for (std::size_t g = 0; g < block.rows.size(); ++g) {
    const unsigned rest = block.rest[g / 4];
    const unsigned row = block.rows[g] | (rest >> g % 4 * 3 & 7U) << 8U;
    unpack_row(row, rest >> 15U != 0, d * static_cast<float>(2 * (rest >> 12U & 7U) + 1), out + 8 * g);
  }
}

void unpack(const Iq1MBlock& block, float* out) {
  unsigned bits = 0;
  for (unsigned j = 0; j < 4; ++j) bits |= static_cast<unsigned>(block.scales[j] >> 12U) << 4 * j;
  const float d = to_float(Float16{static_cast<std::uint16_t>(bits)});
  for (std::size_t g = 0; g < block.rows.size(); ++g) {
    const unsigned high = block.high[g / 2] >> g % 2 * 4 & 15U;
    const unsigned scale = block.scales[g / 8] >> g / 2 % 4 * 3 & 7U;
    unpack_row(block.rows[g] | (high & 7U) << 8U, high >> 3U != 0, d * static_cast<float>(2 * scale + 1), out + 8 * g);
  }
}

}  // namespace skald::quant
