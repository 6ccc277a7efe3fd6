// MXFP4 of the OCP Microscaling Formats 1.0: 32 numbers of 4 bits share a scale of 8 bits, 4.25 bits a weight.
//
//   code   s e e m              E2M1: 0, 0.5, 1, 1.5, 2, 3, 4, 6 and their negatives
//   scale  E8M0                 2^(scale - 127); 255: the block is NaN
//   block  byte     0     1    ...    15
//          low  4   x[0]  x[2] ...  x[30]
//          high 4   x[1]  x[3] ...  x[31]
//
// Checkpoints keep scales in a tensor of their own: blocks u8 [..., k / 32, 16], scales u8 [..., k / 32]. A number has
// two significant bits, so bf16 holds every one exactly.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "quant/mxfp4_ggml.h"

namespace skald::quant {

struct Mxfp4Block {
  static constexpr std::size_t kNumbers = 32;
  std::array<std::uint8_t, kNumbers / 2> codes;
};
static_assert(sizeof(Mxfp4Block) == 16 && alignof(Mxfp4Block) == 1);
static_assert(offsetof(Mxfp4Block, codes) == 0);

inline constexpr std::uint8_t kMxfp4Nan = 255;  // of scales

/// The same numbers; a scale of kMxfp4Nan has no counterpart.
Mxfp4GgmlBlock to_ggml(const Mxfp4Block& block, std::uint8_t scale);

}  // namespace skald::quant
