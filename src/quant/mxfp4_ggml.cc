#include "quant/mxfp4_ggml.h"

#include <algorithm>
#include <cmath>

#include "quant/nibbles.h"

namespace skald::quant {
namespace {

std::uint8_t nearest_code(float x, float d) {
  const auto error = [&](std::int8_t level) { return std::abs(d * static_cast<float>(level) - x); };
  const auto* const best = std::ranges::min_element(Mxfp4GgmlBlock::kLevels, {}, error);
  return static_cast<std::uint8_t>(best - Mxfp4GgmlBlock::kLevels.begin());
}

}  // namespace

void take_apart(const Mxfp4GgmlBlock& block, BlockParts& parts) {
  split_nibbles(block.codes.data(), block.codes.size(), parts.codes.data());
  set_scale(block.e, parts);
}

void pack(const float* x, Mxfp4GgmlBlock& block) {
  constexpr int kBias = 127;
  constexpr int kLargestExponent = 2;  // of 6 = 1.5 * 2^2
  float largest = 0;
  for (std::size_t i = 0; i < Mxfp4GgmlBlock::kWeights; ++i) largest = std::max(largest, std::abs(x[i]));
  const float exponent = largest > 0 ? std::floor(std::log2(largest)) - kLargestExponent + kBias : 0;
  block.e = static_cast<std::uint8_t>(std::clamp(exponent, 0.0F, 254.0F));
  const float d = std::ldexp(1.0F, block.e - (kBias + 1));
  std::array<std::uint8_t, Mxfp4GgmlBlock::kWeights> codes;
  for (std::size_t i = 0; i < codes.size(); ++i) codes[i] = nearest_code(x[i], d);
  join_nibbles(codes.data(), block.codes.size(), block.codes.data());
}

}  // namespace skald::quant
