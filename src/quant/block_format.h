// The formats of GGUF tensors whose weights are stored in blocks: ggml's names, numbers and values.
//
// Nearly all are integers times few floating-point numbers, and these are described alike: a weight is a code of a
// few bits that stands for a level, levels of 16 neighbours are scaled by an integer, and the block by d; some formats
// take off an integer multiple of dmin. The headers beside this one draw the blocks.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace skald::quant {

inline constexpr std::size_t kMaxBlock = 256;  // weights
inline constexpr std::size_t kGroup = 16;      // weights with the same scale and min
/// BlockFormat::ggml_type of a format of our own.
inline constexpr std::uint32_t kNoGgmlType = 0xffffffff;

/// A block taken apart:
///   w[i] = d * scales[i / 16] * level(codes[i]) - dmin * mins[i / 16]
/// in f32, from left to right, each product and the difference rounded. level(c) is c - zero, or the format's
/// codebook[c].
struct BlockParts {
  std::array<std::uint8_t, kMaxBlock> codes;            // [block]
  std::array<std::int16_t, kMaxBlock / kGroup> scales;  // [block / 16]; 1 where the block has d alone
  std::array<std::int16_t, kMaxBlock / kGroup> mins;    // [block / 16]; 0 where there are none
  std::uint16_t d;                                      // bits of an f16; with `e8m0`: the byte
  std::uint16_t dmin;                                   // bits of an f16
};

/// The scales of a block that has d alone: w = d * level.
inline void set_scale(std::uint16_t d, BlockParts& parts) {
  parts.scales.fill(1);
  parts.mins.fill(0);
  parts.d = d;
  parts.dmin = 0;
}
/// Those of a block that begins at m: w = d * level + m.
inline void set_scale_and_start(std::uint16_t d, std::uint16_t m, BlockParts& parts) {
  parts.scales.fill(1);
  parts.mins.fill(-1);
  parts.d = d;
  parts.dmin = m;
}

struct BlockFormat {
  std::string_view name;  // "Q4_K"
  std::uint32_t ggml_type;
  std::size_t block;                      // weights of one block
  std::size_t bytes;                      // of one block
  int zero;                               // level(c) = c - zero, where there is no codebook
  std::span<const std::int8_t> codebook;  // level(c) = codebook[c]; empty: linear
  bool e8m0;                              // d = 2^(byte - 128), not an f16
  /// out [block]: the values that ggml gives, bit for bit. `block` may have any alignment.
  void (*unpack)(const std::byte* block, float* out);
  void (*take_apart)(const std::byte* block, BlockParts& parts);  // nullptr: IQ1, IQ2, IQ3, made of rows of grids
  /// The block of x [block], all finite, rounded as ggml's reference does; nullptr where nothing makes this format.
  void (*pack)(const float* x, std::byte* block);
};

/// Every format of GGUF, ascending by ggml_type.
std::span<const BlockFormat> block_formats();

/// The format with ggml's number `ggml_type`; nullptr where there is none.
const BlockFormat* find_block_format(std::uint32_t ggml_type);
/// The format called `name`, of GGUF or of our own ("int8", "int6", "int4"); nullptr where there is none.
const BlockFormat* find_block_format(std::string_view name);

/// The value of parts.d of a block in `format`.
float block_scale(const BlockFormat& format, std::uint16_t d);

}  // namespace skald::quant
