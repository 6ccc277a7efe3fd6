// y = x · Wᵀ for bf16 weights on tile registers, at every row count. x is rounded to bf16 by pack_x.
//
// packed x: [ceil(m / 16)][ceil(k / 32)][16][32] bfloat16, zero beyond m and k: one tile is 1 KiB on end.
// A panel (pack.h) is [ceil(k / 32)][16 pairs][32 outputs][2]: two B tiles side by side.
//
// One C tile is made by a product for each 32 inputs, ascending, from zero; it may rest in y between two blocks of k.
// 2 x 2 tiles of C take 4 loads for 4 products: a load is 2.3 ns from L1 and 6 ns from L2, a product 5 ns (Sapphire
// Rapids), so the panel's block of k has to stay in L1 and x in L2.

namespace skald::kernels::SKALD_ISA {
namespace {

inline constexpr std::size_t kTileK = 32;
inline constexpr std::size_t kPanelRowBytes = kPanel * 4;                   // one pair of inputs
inline constexpr std::size_t kPanelTileBytes = kTileRows * kPanelRowBytes;  // 32 inputs
inline constexpr std::size_t kTileBlockK = 512;                             // 32 KiB of a panel
inline constexpr std::size_t kTileBlockRows = 512;                          // 512 KiB of packed x

inline std::size_t ceil_div(std::size_t a, std::size_t b) { return (a + b - 1) / b; }

inline std::size_t packed_tiles_bytes(std::size_t m, std::size_t k) {
  return ceil_div(m, kTileRows) * ceil_div(k, kTileK) * kTileBytes;
}

inline void pack_tiles(const float* x, std::size_t x_stride, std::size_t k, std::size_t row_begin, std::size_t row_end,
                       std::size_t m, std::byte* out) {
  const std::size_t blocks = ceil_div(k, kTileK);
  const std::size_t padded_end = row_end == m ? ceil_div(m, kTileRows) * kTileRows : row_end;
  for (std::size_t row = row_begin; row < padded_end; ++row) {
    std::byte* to = out + row / kTileRows * blocks * kTileBytes + row % kTileRows * kTileRowBytes;
    for (std::size_t b = 0; b < blocks; ++b, to += kTileBytes) {
      const std::size_t n = row < row_end ? std::min(kTileK, k - b * kTileK) : 0;
      if (n < kTileK) std::memset(to, 0, kTileRowBytes);
      if (n > 0) round_to_bf16(x + row * x_stride + b * kTileK, n, to);
    }
  }
}

/// Where one C tile lies in y. A tile that reaches over the edge of y goes through `edge`.
struct TilePlace {
  float* y;  // [rows, columns], rows `stride` floats apart
  std::size_t stride, rows, columns;
  bool first;  // starts from zero, else from what y holds

  [[nodiscard]] bool inside() const { return rows >= kTileRows && columns >= kTileRows; }
};

template <int C, class Tiles>
void begin_tile(Tiles& tiles, const TilePlace& place) {
  if (place.first) return tiles.template zero<C>();
  if (place.inside()) return tiles.template load<C>(place.y, place.stride * sizeof(float));
  alignas(64) float edge[kTileRows][kLanes];
  for (std::size_t r = 0; r < kTileRows; ++r) {
    const bool whole = place.columns >= kLanes;
    const float* y = place.y + r * place.stride;
    store(r >= place.rows ? zero() : whole ? load(y) : load_first(y, place.columns), edge[r]);
  }
  tiles.template load<C>(edge, kTileRowBytes);
}

template <int C, class Tiles>
void end_tile(Tiles& tiles, const TilePlace& place) {
  if (place.inside()) return tiles.template store<C>(place.y, place.stride * sizeof(float));
  alignas(64) float edge[kTileRows][kLanes];
  tiles.template store<C>(edge, kTileRowBytes);
  for (std::size_t r = 0; r < std::min(place.rows, kTileRows); ++r) {
    float* y = place.y + r * place.stride;
    place.columns >= kLanes ? store(load(edge[r]), y) : store_first(load(edge[r]), y, place.columns);
  }
}

/// One or two row tiles by one panel (two column tiles), over `blocks` tiles of k.
struct TileProduct {
  const std::byte* x;        // first tile of packed x
  std::size_t x_tile_bytes;  // from one row tile to the next
  const std::byte* w;        // the panel at the first tile of k
  std::size_t blocks;
  TilePlace place;  // all rows and columns from the first tile's corner on
};

inline TilePlace shifted(TilePlace place, std::size_t rows, std::size_t columns) {
  place.y += rows * place.stride + columns;
  place.rows = place.rows > rows ? place.rows - rows : 0;
  place.columns = place.columns > columns ? place.columns - columns : 0;
  return place;
}

template <int kRowTiles, class Tiles>
void multiply_panel(Tiles& tiles, const TileProduct& p) {
  constexpr bool kTwo = kRowTiles == 2;
  const bool right = p.place.columns > kTileRows;  // else the second column tile is padding
  begin_tile<0>(tiles, p.place);
  if (right) begin_tile<1>(tiles, shifted(p.place, 0, kTileRows));
  if constexpr (kTwo) begin_tile<2>(tiles, shifted(p.place, kTileRows, 0));
  if (kTwo && right) begin_tile<3>(tiles, shifted(p.place, kTileRows, kTileRows));
  const std::byte* x = p.x;
  const std::byte* w = p.w;
  for (std::size_t b = 0; b < p.blocks; ++b, x += kTileBytes, w += kPanelTileBytes) {
    // One row tile: the panel streams from memory. Two: it comes from L1.
    for (std::size_t line = 0; !kTwo && line < kPanelTileBytes; line += 64)
      __builtin_prefetch(w + 2 * kPanelTileBytes + line);
    tiles.template load<4>(x, kTileRowBytes);
    tiles.template load<6>(w, kPanelRowBytes);
    tiles.template load<7>(w + kTileRowBytes, kPanelRowBytes);
    tiles.template multiply<0, 4, 6>();
    tiles.template multiply<1, 4, 7>();
    if constexpr (kTwo) {
      tiles.template load<5>(x + p.x_tile_bytes, kTileRowBytes);
      tiles.template multiply<2, 5, 6>();
      tiles.template multiply<3, 5, 7>();
    }
  }
  end_tile<0>(tiles, p.place);
  if (right) end_tile<1>(tiles, shifted(p.place, 0, kTileRows));
  if constexpr (kTwo) end_tile<2>(tiles, shifted(p.place, kTileRows, 0));
  if (kTwo && right) end_tile<3>(tiles, shifted(p.place, kTileRows, kTileRows));
}

/// Rows [row_begin, row_end) of one panel, over some tiles of k.
template <class Tiles>
void multiply_rows(Tiles& tiles, TileProduct p, std::size_t row_begin, std::size_t row_end) {
  const TilePlace place = p.place;
  const std::byte* x = p.x;
  for (std::size_t row = row_begin; row < row_end;) {
    p.place = shifted(place, row, 0);
    p.x = x + row / kTileRows * p.x_tile_bytes;
    const bool two = row + kTileRows < row_end;
    two ? multiply_panel<2>(tiles, p) : multiply_panel<1>(tiles, p);
    row += two ? 2 * kTileRows : kTileRows;
  }
}

template <class Tiles>
void tile_gemm(const GemmCall& call, std::size_t panel_begin, std::size_t panel_end) {
  static constexpr TileConfig kConfig;
  Tiles tiles(kConfig);
  const std::size_t tiles_k = ceil_div(call.k, kTileK);
  panel_end = std::min(panel_end, ceil_div(call.n, kPanel));
  for (std::size_t row = 0; row < call.m; row += kTileBlockRows) {
    const std::size_t row_end = std::min(call.m, row + kTileBlockRows);
    const bool one_product = row_end - row <= 2 * kTileRows;  // nothing is read twice: stream whole panels
    const std::size_t step = one_product ? tiles_k : kTileBlockK / kTileK;
    for (std::size_t b = 0; b < tiles_k; b += step) {
      for (std::size_t panel = panel_begin; panel < panel_end; ++panel) {
        const TileProduct p{.x = call.packed_x + b * kTileBytes,
                            .x_tile_bytes = tiles_k * kTileBytes,
                            .w = call.w + (panel * tiles_k + b) * kPanelTileBytes,
                            .blocks = std::min(step, tiles_k - b),
                            .place = {.y = call.y + panel * kPanel,
                                      .stride = call.y_stride,
                                      .rows = call.m,
                                      .columns = call.n - panel * kPanel,
                                      .first = b == 0}};
        multiply_rows(tiles, p, row, row_end);
      }
    }
  }
}

template <class Tiles>
inline constexpr GemmKernels kTileBf16Gemm = {XForm::bf16_tiles, packed_tiles_bytes, pack_tiles, tile_gemm<Tiles>};

}  // namespace
}  // namespace skald::kernels::SKALD_ISA
