// Activations in blocks of signed bytes, as the products with weights in blocks take them.
//
//   scale = max |x| / 127      q = x / scale, rounded to nearest even: in [-127, 127]
//
//   packed x   [m] rows of [k rounded up to the block] bytes q, then f32 scales [blocks], then i32 sums of -q: of
//              blocks of 32 [blocks, 3], those of both halves and their total, of longer ones [blocks]; rounded up to
//              an odd number of 64 bytes, so that neighbouring rows lie in different sets of a cache
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace skald::kernels {

/// Where the parts of a packed row lie.
struct BlockX {
  std::size_t block;  // inputs: 32, 64 or 256
  std::size_t blocks;
  std::size_t inputs;  // that products take: the zeros of a long block end with its last 64 that k needs

  constexpr BlockX(std::size_t k, std::size_t block)
      : block(block), blocks((k + block - 1) / block), inputs(std::min(blocks * block, (k + 63) / 64 * 64)) {}
  static constexpr std::size_t sums_per_block(std::size_t block) { return block == 32 ? 3 : 1; }
  [[nodiscard]] constexpr std::size_t scales_at() const { return blocks * block; }
  [[nodiscard]] constexpr std::size_t sums_at() const { return scales_at() + blocks * sizeof(float); }
  /// Of scales and sums.
  [[nodiscard]] constexpr std::size_t tail_bytes() const {
    return blocks * (sizeof(float) + sums_per_block(block) * sizeof(std::int32_t));
  }
  [[nodiscard]] constexpr std::size_t row_bytes() const { return ((scales_at() + tail_bytes() + 63) / 64 | 1) * 64; }
};

}  // namespace skald::kernels
