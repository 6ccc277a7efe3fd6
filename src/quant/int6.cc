#include "quant/int6.h"

#include <algorithm>
#include <cmath>

#include "base/float16.h"
#include "base/rounding.h"
#include "quant/nibbles.h"

namespace skald::quant {
namespace {

constexpr std::size_t kWeights = Int6Block::kWeights;
constexpr int kZero = Int6Block::kZero;

using Levels = std::array<float, kWeights>;  // -32 ... 31

void round_to_levels(const float* x, float d, Levels& levels) {
  const float inverse = d != 0 ? 1 / d : 0;
  for (std::size_t i = 0; i < kWeights; ++i) levels[i] = std::clamp(nearest_integer(x[i] * inverse), -32.0F, 31.0F);
}

// The d that fits these levels best.
float least_squares(const float* x, const Levels& levels) {
  float product = 0;
  float square = 0;
  for (std::size_t i = 0; i < kWeights; ++i) {
    product += x[i] * levels[i];
    square += levels[i] * levels[i];
  }
  return square > 0 ? product / square : 0;
}

}  // namespace

void take_apart(const Int6Block& block, BlockParts& parts) {
  split_nibbles(block.low.data(), block.low.size(), parts.codes.data());
  for (std::size_t i = 0; i < kWeights; ++i) {
    const unsigned high = static_cast<unsigned>(block.high[i % 16]) >> i / 16 * 2 & 3U;
    parts.codes[i] = static_cast<std::uint8_t>(parts.codes[i] | high << 4U);
  }
  set_scale(block.d, parts);
}

void pack(const float* x, Int6Block& block) {
  float extreme = 0;
  for (std::size_t i = 0; i < kWeights; ++i) {
    if (std::abs(x[i]) > std::abs(extreme)) extreme = x[i];
  }
  Levels levels;
  round_to_levels(x, extreme / -32.0F, levels);
  const Float16 d = to_float16(least_squares(x, levels));
  round_to_levels(x, to_float(d), levels);
  std::array<std::uint8_t, kWeights> codes;
  for (std::size_t i = 0; i < kWeights; ++i) codes[i] = static_cast<std::uint8_t>(static_cast<int>(levels[i]) + kZero);
  block.d = d.bits;
  join_nibbles(codes.data(), block.low.size(), block.low.data());
  block.high.fill(0);
  for (std::size_t i = 0; i < kWeights; ++i) {
    block.high[i % 16] = static_cast<std::uint8_t>(block.high[i % 16] | (codes[i] >> 4U) << i / 16 * 2);
  }
}

}  // namespace skald::quant
