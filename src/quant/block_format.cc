#include "quant/block_format.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/float16.h"
#include "quant/int4.h"
#include "quant/int6.h"
#include "quant/int8.h"
#include "quant/iq1.h"
#include "quant/iq2.h"
#include "quant/iq3.h"
#include "quant/iq4_nl.h"
#include "quant/iq4_xs.h"
#include "quant/mxfp4_ggml.h"
#include "quant/q2_k.h"
#include "quant/q3_k.h"
#include "quant/q4_0.h"
#include "quant/q4_1.h"
#include "quant/q4_k.h"
#include "quant/q5_0.h"
#include "quant/q5_1.h"
#include "quant/q5_k.h"
#include "quant/q6_k.h"
#include "quant/q8_0.h"
#include "quant/tq1_0.h"
#include "quant/tq2_0.h"

namespace skald::quant {
namespace {

float from_f16(std::uint16_t bits) { return to_float(Float16{bits}); }

float from_e8m0(std::uint16_t byte) { return std::ldexp(1.0F, byte - 128); }

template <typename Block>
constexpr bool kHasLevels = requires {
  Block::kLevels;
};

template <typename Block>
constexpr bool kHasE8m0 = requires {
  Block::kE8m0;
};

template <typename Block>
float level(std::uint8_t code) {
  if constexpr (kHasLevels<Block>) {
    return static_cast<float>(Block::kLevels[code]);
  } else {
    return static_cast<float>(code - Block::kZero);
  }
}

template <typename Block>
void take_apart_bytes(const std::byte* bytes, BlockParts& parts) {
  Block block;
  std::memcpy(&block, bytes, sizeof block);
  take_apart(block, parts);
}

// Formats that have no parts: their levels are not integers times one d.
template <typename Block>
void unpack_whole(const std::byte* bytes, float* out) {
  Block block;
  std::memcpy(&block, bytes, sizeof block);
  unpack(block, out);
}

template <typename Block>
void unpack_bytes(const std::byte* bytes, float* out) {
  BlockParts parts;
  take_apart_bytes<Block>(bytes, parts);
  const float d = kHasE8m0<Block> ? from_e8m0(parts.d) : from_f16(parts.d);
  const float dmin = from_f16(parts.dmin);
  for (std::size_t g = 0; g < Block::kWeights / kGroup; ++g) {
    const float scale = d * static_cast<float>(parts.scales[g]);
    const float min = dmin * static_cast<float>(parts.mins[g]);
    for (std::size_t i = g * kGroup; i < (g + 1) * kGroup; ++i) out[i] = scale * level<Block>(parts.codes[i]) - min;
  }
}

template <typename Block>
void pack_bytes(const float* x, std::byte* bytes) {
  Block block;
  pack(x, block);
  std::memcpy(bytes, &block, sizeof block);
}

template <typename Block>
constexpr BlockFormat format(std::string_view name, std::uint32_t ggml_type) {
  BlockFormat row{.name = name,
                  .ggml_type = ggml_type,
                  .block = Block::kWeights,
                  .bytes = sizeof(Block),
                  .zero = 0,
                  .codebook = {},
                  .e8m0 = kHasE8m0<Block>,
                  .unpack = nullptr,
                  .take_apart = nullptr,
                  .pack = nullptr};
  if constexpr (requires(const Block& block, BlockParts& parts) { take_apart(block, parts); }) {
    row.unpack = unpack_bytes<Block>;
    row.take_apart = take_apart_bytes<Block>;
    if constexpr (kHasLevels<Block>) {
      row.codebook = Block::kLevels;
    } else {
      row.zero = Block::kZero;
    }
  } else {
    row.unpack = unpack_whole<Block>;
  }
  if constexpr (requires(const float* x, Block& block) { pack(x, block); }) row.pack = pack_bytes<Block>;
  return row;
}

constexpr std::array kFormats = {
    format<Q4_0Block>("Q4_0", 2),        format<Q4_1Block>("Q4_1", 3),       format<Q5_0Block>("Q5_0", 6),
    format<Q5_1Block>("Q5_1", 7),        format<Q8_0Block>("Q8_0", 8),       format<Q2KBlock>("Q2_K", 10),
    format<Q3KBlock>("Q3_K", 11),        format<Q4KBlock>("Q4_K", 12),       format<Q5KBlock>("Q5_K", 13),
    format<Q6KBlock>("Q6_K", 14),        format<Iq2XxsBlock>("IQ2_XXS", 16), format<Iq2XsBlock>("IQ2_XS", 17),
    format<Iq3XxsBlock>("IQ3_XXS", 18),  format<Iq1SBlock>("IQ1_S", 19),     format<Iq4NlBlock>("IQ4_NL", 20),
    format<Iq3SBlock>("IQ3_S", 21),      format<Iq2SBlock>("IQ2_S", 22),     format<Iq4XsBlock>("IQ4_XS", 23),
    format<Iq1MBlock>("IQ1_M", 29),      format<Tq1_0Block>("TQ1_0", 34),    format<Tq2_0Block>("TQ2_0", 35),
    format<Mxfp4GgmlBlock>("MXFP4", 39),
};

constexpr std::array kOwnFormats = {format<Int8Block>("int8", kNoGgmlType), format<Int6Block>("int6", kNoGgmlType),
                                    format<Int4Block>("int4", kNoGgmlType)};

}  // namespace

std::span<const BlockFormat> block_formats() { return kFormats; }

const BlockFormat* find_block_format(std::uint32_t ggml_type) {
  const auto* const found = std::ranges::find(kFormats, ggml_type, &BlockFormat::ggml_type);
  return found == kFormats.end() ? nullptr : found;
}

const BlockFormat* find_block_format(std::string_view name) {
  const auto* const found = std::ranges::find(kFormats, name, &BlockFormat::name);
  if (found != kFormats.end()) return found;
  const auto* const own = std::ranges::find(kOwnFormats, name, &BlockFormat::name);
  return own == kOwnFormats.end() ? nullptr : own;
}

float block_scale(const BlockFormat& format, std::uint16_t d) { return format.e8m0 ? from_e8m0(d) : from_f16(d); }

}  // namespace skald::quant
