#include "quant/mxfp4.h"

namespace skald::quant {

Mxfp4GgmlBlock to_ggml(const Mxfp4Block& block, std::uint8_t scale) {
  constexpr std::size_t kHalf = Mxfp4Block::kNumbers / 2;
  const auto code = [&](std::size_t i) { return static_cast<unsigned>(block.codes[i / 2]) >> i % 2 * 4 & 15U; };
  Mxfp4GgmlBlock out{.e = scale, .codes = {}};
  for (std::size_t i = 0; i < kHalf; ++i) out.codes[i] = static_cast<std::uint8_t>(code(i) | code(i + kHalf) << 4U);
  return out;
}

}  // namespace skald::quant
