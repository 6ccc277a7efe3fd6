#include "quant/int8.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/float16.h"

namespace skald::quant {
namespace {

constexpr float kLargest = 127;

void take_apart(const std::byte* bytes, BlockParts& parts) {
  Int8Block block;
  std::memcpy(&block, bytes, sizeof block);
  std::ranges::copy(block.codes, parts.codes.begin());
  parts.scales.fill(1);
  parts.mins.fill(0);
  parts.d = block.d;
  parts.dmin = 0;
}

void unpack(const std::byte* bytes, float* out) {
  Int8Block block;
  std::memcpy(&block, bytes, sizeof block);
  const float d = to_float(Float16{block.d});
  for (std::size_t i = 0; i < Int8Block::kWeights; ++i)
    out[i] = d * static_cast<float>(block.codes[i] - Int8Block::kZero);
}

// The largest magnitude is 127; d is rounded first, so that the codes are the nearest for the d that is kept.
void pack(const float* x, std::byte* bytes) {
  Int8Block block;
  float largest = 0;
  for (std::size_t i = 0; i < Int8Block::kWeights; ++i) largest = std::max(largest, std::abs(x[i]));
  block.d = to_float16(largest / kLargest).bits;
  const float d = to_float(Float16{block.d});
  const float inverse = d > 0 ? 1 / d : 0;
  for (std::size_t i = 0; i < Int8Block::kWeights; ++i) {
    const float level = std::clamp(std::nearbyint(x[i] * inverse), -kLargest, kLargest);
    block.codes[i] = static_cast<std::uint8_t>(static_cast<int>(level) + Int8Block::kZero);
  }
  std::memcpy(bytes, &block, sizeof block);
}

}  // namespace

const BlockFormat kInt8Format = {.name = "int8",
                                 .ggml_type = kNoGgmlType,
                                 .block = Int8Block::kWeights,
                                 .bytes = sizeof(Int8Block),
                                 .zero = Int8Block::kZero,
                                 .codebook = {},
                                 .e8m0 = false,
                                 .unpack = unpack,
                                 .take_apart = take_apart,
                                 .pack = pack};

}  // namespace skald::quant
