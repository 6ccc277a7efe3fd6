#include "quant/int4.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/float16.h"
#include "quant/nibbles.h"

namespace skald::quant {
namespace {

constexpr std::size_t kWeights = Int4Block::kWeights;
constexpr float kLargest = 127;

// nearest[level + 128]: the code whose level is nearest, of two that are as near the lower one.
constexpr std::array<std::uint8_t, 256> nearest_codes() {
  std::array<std::uint8_t, 256> codes = {};
  for (int i = 0; i < 256; ++i) {
    std::uint8_t best = 0;
    for (std::uint8_t c = 1; c < 16; ++c) {
      const auto distance = [&](std::uint8_t code) {
        const int difference = i - 128 - kInt4Levels[code];
        return difference < 0 ? -difference : difference;
      };
      if (distance(c) < distance(best)) best = c;
    }
    codes[static_cast<std::size_t>(i)] = best;
  }
  return codes;
}
constexpr std::array<std::uint8_t, 256> kNearest = nearest_codes();

using Codes = std::array<std::uint8_t, kWeights>;

void round_to_levels(const float* x, float d, Codes& codes) {
  const float inverse = d != 0 ? 1 / d : 0;
  for (std::size_t i = 0; i < kWeights; ++i) {
    const float level = std::clamp(x[i] * inverse, -128.0F, 127.0F);
    codes[i] = kNearest[static_cast<std::size_t>(static_cast<int>(level + 128.5F))];
  }
}

// The scale that fits these codes best: least squares.
float best_scale(const float* x, const Codes& codes) {
  float product = 0;
  float square = 0;
  for (std::size_t i = 0; i < kWeights; ++i) {
    const auto level = static_cast<float>(kInt4Levels[codes[i]]);
    product += x[i] * level;
    square += level * level;
  }
  return square > 0 ? product / square : 0;
}

float squared_error(const float* x, float d, const Codes& codes) {
  float error = 0;
  for (std::size_t i = 0; i < kWeights; ++i) {
    const float difference = x[i] - d * static_cast<float>(kInt4Levels[codes[i]]);
    error += difference * difference;
  }
  return error;
}

void take_apart(const std::byte* bytes, BlockParts& parts) {
  Int4Block block;
  std::memcpy(&block, bytes, sizeof block);
  split_nibbles(block.codes.data(), block.codes.size(), parts.codes.data());
  parts.scales.fill(1);
  parts.mins.fill(0);
  parts.d = block.d;
  parts.dmin = 0;
}

void unpack(const std::byte* bytes, float* out) {
  BlockParts parts;
  take_apart(bytes, parts);
  const float d = to_float(Float16{parts.d});
  for (std::size_t i = 0; i < kWeights; ++i) out[i] = d * static_cast<float>(kInt4Levels[parts.codes[i]]);
}

// From the number of largest magnitude at -127 or +113, twice the nearest codes and the best scale for them.
void pack(const float* x, std::byte* bytes) {
  float extreme = 0;
  for (std::size_t i = 0; i < kWeights; ++i) {
    if (std::abs(x[i]) > std::abs(extreme)) extreme = x[i];
  }
  Codes codes;
  Int4Block block{};
  float least = std::numeric_limits<float>::infinity();
  for (const float level : {-kLargest, 113.0F}) {
    float d = extreme / level;
    for (int i = 0; i < 2; ++i) {
      round_to_levels(x, d, codes);
      d = best_scale(x, codes);
    }
    const Float16 half = to_float16(d);
    round_to_levels(x, to_float(half), codes);
    const float error = squared_error(x, to_float(half), codes);
    if (error < least) {
      least = error;
      block.d = half.bits;
      join_nibbles(codes.data(), block.codes.size(), block.codes.data());
    }
  }
  std::memcpy(bytes, &block, sizeof block);
}

}  // namespace

const BlockFormat kInt4Format = {.name = "int4",
                                 .ggml_type = kNoGgmlType,
                                 .block = kWeights,
                                 .bytes = sizeof(Int4Block),
                                 .zero = 0,
                                 .codebook = kInt4Levels,
                                 .e8m0 = false,
                                 .unpack = unpack,
                                 .take_apart = take_apart,
                                 .pack = pack};

}  // namespace skald::quant
