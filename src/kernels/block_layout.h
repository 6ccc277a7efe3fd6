// How weights in blocks lie in a panel, the same for every table. Integers stay integers: a block of weights is codes
// of 2 to 8 bits, a scale for each run of inputs, and in some formats a minimum.
//
//   w = scale * level(code)              level: the codebook's, or code - zero
//   w = scale * code + minimum           formats with minimums
//
// A panel is groups of inputs one after another; the last one holds no more chunks than k needs, rounded up to 64
// inputs:
//
//   group   [scales][minimums][chunk of 32 inputs][chunk] ...
//   scales  half   [group / run][32] f16
//           e8m0   [group / run][32] bytes: 2^(byte - 128), for codebooks of doubled levels
//           super  [32] f16, then [group / run][32] signed bytes: a run's scale is their product in f32
//   chunk   [tables][planes, the one of the low bits first]
//   tables  [32] u16 where a codebook has eight parts: 4 bits for each 8 of 32 inputs, the lowest ones first
//   plane   codes as *vectors* of 4 inputs x 16 outputs, [16][4] bytes; vector v = 2 * (input / 4) + output / 16. A
//           plane of b bits packs 8 / b neighbouring vectors into 64 bytes: the first one in the low bits of each byte.
//
// Vectors are what a dot product of bytes takes, and 64 inputs by 16 outputs of them are one tile of AMX.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "kernels/kernels.h"
#include "quant/int4.h"
#include "quant/iq4_nl.h"
#include "quant/mxfp4_ggml.h"

namespace skald::kernels {

inline constexpr std::size_t kChunk = 32;        // inputs
inline constexpr std::size_t kMostPiece = 64;    // inputs of a run that loops take at once
inline constexpr std::size_t kVectorBytes = 64;  // 4 inputs of 16 outputs
inline constexpr std::size_t kChunkVectors = kChunk / 4 * kPanel / 16;
inline constexpr int kSignedZero =
    128;  // levels of codebooks are looked up plus this, which makes them bytes without sign

struct BlockLayout {
  enum class Scale { half, e8m0, super };

  std::array<int, 2> planes;  // bits of each; 0: none
  std::size_t run = 0;        // inputs that share a scale
  std::size_t group = 0;      // inputs whose scales lie together: a multiple of kChunk and of run
  Scale scale = Scale::half;
  bool minimums = false;
  int zero = 0;
  std::array<std::int8_t, 128> codebook = {};  // of one plane of 4 bits, or eight of them; all zeros: none
  bool tables = false;                         // the codebook has eight parts, chosen by 8 inputs of an output each

  [[nodiscard]] constexpr int bits() const { return planes[0] + planes[1]; }
  [[nodiscard]] constexpr bool has_codebook() const { return codebook != std::array<std::int8_t, 128>{}; }
  /// What products subtract from a code: they take (code - zero) * q as code * q - zero * q.
  [[nodiscard]] constexpr int product_zero() const { return has_codebook() ? kSignedZero : minimums ? 0 : zero; }
  [[nodiscard]] constexpr std::size_t runs() const { return group / run; }  // of a group
  /// Bytes of one kind of scales (or minimums) of a group.
  [[nodiscard]] constexpr std::size_t scale_bytes() const {
    switch (scale) {
      case Scale::half: return runs() * kPanel * 2;
      case Scale::e8m0: return runs() * kPanel;
      case Scale::super: return kPanel * 2 + runs() * kPanel;
    }
    return 0;
  }
  [[nodiscard]] constexpr std::size_t table_bytes() const { return tables ? kPanel * 2 : 0; }  // of a chunk
  [[nodiscard]] constexpr std::size_t chunk_bytes() const {
    return table_bytes() + kChunkVectors * kVectorBytes * static_cast<std::size_t>(bits()) / 8;
  }
  [[nodiscard]] constexpr std::size_t chunks_at() const { return scale_bytes() * (minimums ? 2 : 1); }
  [[nodiscard]] constexpr std::size_t group_bytes() const { return chunks_at() + group / kChunk * chunk_bytes(); }
  [[nodiscard]] constexpr std::size_t groups(std::size_t k) const { return (k + group - 1) / group; }
  /// Chunks of group `g` of a panel of k inputs.
  [[nodiscard]] constexpr std::size_t chunks(std::size_t g, std::size_t k) const {
    const std::size_t pieces = (k - g * group + kMostPiece - 1) / kMostPiece;
    return std::min(group, pieces * kMostPiece) / kChunk;
  }
  [[nodiscard]] constexpr std::size_t panel_bytes(std::size_t k) const {
    const std::size_t last = groups(k) - 1;
    return last * group_bytes() + chunks_at() + chunks(last, k) * chunk_bytes();
  }
  /// Inputs that share a scale of x: blocks of activations.
  [[nodiscard]] constexpr std::size_t x_block() const { return run > kChunk ? run : kChunk; }
};

namespace layouts {

using Scale = BlockLayout::Scale;

constexpr std::array<std::int8_t, 128> widened(const std::array<std::int8_t, 16>& levels) {
  std::array<std::int8_t, 128> wide = {};
  for (std::size_t i = 0; i < levels.size(); ++i) wide[i] = levels[i];
  return wide;
}
inline constexpr auto kIq4 = widened(quant::Iq4NlBlock::kLevels);
inline constexpr auto kE2m1 = widened(quant::Mxfp4GgmlBlock::kLevels);

inline constexpr BlockLayout kInt8 = {.planes = {8, 0}, .run = 256, .group = 256, .zero = 128};
inline constexpr BlockLayout kInt6 = {.planes = {4, 2}, .run = 64, .group = 64, .zero = 32};
inline constexpr BlockLayout kInt4 = {
    .planes = {4, 0}, .run = 256, .group = 256, .codebook = quant::Int4Block::kLevels, .tables = true};
inline constexpr BlockLayout kQ4_0 = {.planes = {4, 0}, .run = 32, .group = 32, .zero = 8};
inline constexpr BlockLayout kQ4_1 = {.planes = {4, 0}, .run = 32, .group = 32, .minimums = true};
inline constexpr BlockLayout kQ5_0 = {.planes = {4, 1}, .run = 32, .group = 32, .zero = 16};
inline constexpr BlockLayout kQ5_1 = {.planes = {4, 1}, .run = 32, .group = 32, .minimums = true};
inline constexpr BlockLayout kQ8_0 = {.planes = {8, 0}, .run = 32, .group = 32, .zero = 128};
inline constexpr BlockLayout kQ2_K = {
    .planes = {2, 0}, .run = 16, .group = 256, .scale = Scale::super, .minimums = true};
inline constexpr BlockLayout kQ3_K = {.planes = {2, 1}, .run = 16, .group = 256, .scale = Scale::super, .zero = 4};
inline constexpr BlockLayout kQ4_K = {
    .planes = {4, 0}, .run = 32, .group = 256, .scale = Scale::super, .minimums = true};
inline constexpr BlockLayout kQ5_K = {
    .planes = {4, 1}, .run = 32, .group = 256, .scale = Scale::super, .minimums = true};
inline constexpr BlockLayout kQ6_K = {.planes = {4, 2}, .run = 16, .group = 256, .scale = Scale::super, .zero = 32};
inline constexpr BlockLayout kIq4Nl = {.planes = {4, 0}, .run = 32, .group = 32, .codebook = kIq4};
inline constexpr BlockLayout kIq4Xs = {
    .planes = {4, 0}, .run = 32, .group = 256, .scale = Scale::super, .codebook = kIq4};
inline constexpr BlockLayout kMxfp4 = {
    .planes = {4, 0}, .run = 32, .group = 64, .scale = Scale::e8m0, .codebook = kE2m1};

}  // namespace layouts

}  // namespace skald::kernels
