// The products of a table with tiles, and the check that tiles compute what the products expect of them.

namespace skald::kernels::SKALD_ISA {
namespace {

template <class Tiles>
struct TileProducts : VectorProducts {
  static constexpr GemmKernels kBf16 = kTileBf16Gemm<Tiles>;
  static constexpr KvKernels kBf16Kv = kTileKv<Tiles>;
  template <const BlockLayout& L>
  static constexpr GemmKernels kBlocks = kTileBlockGemm<L, Tiles>;
};

/// A few numbers that repeat with no period of a tile.
inline std::int32_t check_number(std::size_t i) { return static_cast<std::int32_t>(i * 2654435761U >> 7 & 0xff) - 128; }

/// C += A · B twice, for `rows` rows and runs of `run` bytes, against the sums written out.
template <class Tiles>
bool bytes_work(std::size_t rows, std::size_t run) {
  alignas(64) std::int8_t a[kTileRows][kTileRowBytes];
  alignas(64) std::int8_t b[kTileRows][kLanes][4];
  alignas(64) std::int32_t c[kTileRows][kLanes] = {};
  for (std::size_t i = 0; i < kTileBytes; ++i) {
    a[i / 64][i % 64] = static_cast<std::int8_t>(check_number(i));
    b[i / 64][i % 64 / 4][i % 4] = static_cast<std::int8_t>(check_number(i + kTileBytes));
  }
  {
    Tiles tiles(run_tiles(rows, run));
    tiles.template load<kXTile>(a, kTileRowBytes);
    tiles.template load<kWeightTile>(b, kTileRowBytes);
    tiles.template zero<0>();
    tiles.template multiply_bytes<0, kXTile, kWeightTile>();
    tiles.template multiply_bytes<0, kXTile, kWeightTile>();
    tiles.template store<0>(c, kTileRowBytes);
  }
  for (std::size_t r = 0; r < kTileRows; ++r) {
    for (std::size_t o = 0; o < kLanes; ++o) {
      std::int32_t sum = 0;
      for (std::size_t i = 0; i < run && r < rows; ++i) sum += 2 * a[r][i] * b[i / 4][o][i % 4];
      if (c[r][o] != sum) return false;
    }
  }
  return true;
}

/// One product of bf16, whose sums round: two chains of FMAs, their sum, then the accumulator plus that.
template <class Tiles>
bool bf16_works() {
  alignas(64) std::uint16_t a[kTileRows][2 * kLanes];
  alignas(64) std::uint16_t b[kTileRows][2 * kLanes];
  alignas(64) float c[kTileRows][kLanes];
  for (std::size_t i = 0; i < kTileBytes / 2; ++i) {
    a[i / 32][i % 32] = static_cast<std::uint16_t>(0x3f80 + check_number(i));
    b[i / 32][i % 32] = static_cast<std::uint16_t>((i % 3 == 0 ? 0xbf80 : 0x3f80) + check_number(i + kTileBytes));
  }
  for (std::size_t i = 0; i < kTileBytes / 4; ++i) c[i / 16][i % 16] = static_cast<float>(check_number(i)) * 0.37F;
  alignas(64) float out[kTileRows][kLanes];
  {
    static constexpr TileConfig kConfig;
    Tiles tiles(kConfig);
    tiles.template load<4>(a, kTileRowBytes);
    tiles.template load<6>(b, kTileRowBytes);
    tiles.template load<0>(c, kTileRowBytes);
    tiles.template multiply<0, 4, 6>();
    tiles.template store<0>(out, kTileRowBytes);
  }
  for (std::size_t r = 0; r < kTileRows; ++r) {
    for (std::size_t o = 0; o < kLanes; ++o) {
      float chain[2] = {0.0F, 0.0F};
      for (std::size_t i = 0; i < 2 * kLanes; ++i)
        chain[i % 2] = std::fma(to_float(BFloat16{a[r][i]}), to_float(BFloat16{b[i / 2][2 * o + i % 2]}), chain[i % 2]);
      if (out[r][o] != c[r][o] + (chain[0] + chain[1])) return false;
    }
  }
  return true;
}

template <class Tiles>
bool tiles_work() {
  return bytes_work<Tiles>(kTileRows, 64) && bytes_work<Tiles>(kTileRows, 32) && bytes_work<Tiles>(kTileRows, 16) &&
         bytes_work<Tiles>(kFewestTileRows, 64) && bf16_works<Tiles>();
}

}  // namespace
}  // namespace skald::kernels::SKALD_ISA
