// y = x · Wᵀ for bf16 weights on tile registers, at every row count. x is rounded to bf16 by pack_x.
//
// packed x: [ceil(m / 16)][ceil(k / 32)][16][32] bfloat16, zero beyond m and k: one tile is 1 KiB on end.
// A panel (pack.h) is [ceil(k / 32)][16 pairs][32 outputs][2]: two B tiles side by side.
//
// One C tile is made by a product for each 32 inputs, ascending, from zero.
//
//   block    512 rows of x by 512 inputs stay in L2 for a group of panels; all inputs at once where x is so small
//   group    16 panels, whose C tiles rest in L2 beside x between two blocks, each on its own 1 KiB: rows of y may be a
//            power of two apart, where a cache has room for few of them
//   panel    a block of it comes from L2 for each pair of row tiles; meanwhile the next one is asked for
//
// 2 x 2 tiles of C take 4 loads for 4 products. Measured on Sapphire Rapids at 2.5 GHz: a load 3.5 ns from L1 and 8
// from L2, a product 6.4, a store 7 to rows beside one another and 70 to rows 8 KiB apart; 2 x 2 from L1 7.3 a product,
// from L2 9.6. Half of those where another thread of the core computes.

namespace skald::kernels::SKALD_ISA {
namespace {

inline constexpr std::size_t kTileK = 32;
inline constexpr std::size_t kPanelRowBytes = kPanel * 4;                   // one pair of inputs
inline constexpr std::size_t kPanelTileBytes = kTileRows * kPanelRowBytes;  // 32 inputs
inline constexpr std::size_t kTileBlockK = 512;                             // 32 KiB of a panel
inline constexpr std::size_t kTileBlockRows = 512;                          // 512 KiB of packed x
inline constexpr std::size_t kTileGroup = 16;                               // panels: 1 MiB of C tiles
inline constexpr std::size_t kTileWholeX = 5 << 18;                         // bytes of x that need no blocks of k

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

/// Where C tiles come from and go to.
struct TilePlace {
  float* y;  // [rows, columns], rows `stride` floats apart: of finished sums
  std::size_t stride, rows, columns;
  float* rest;  // [row tile][2][16][16]: of those that need more inputs
  bool first;   // starts from zero
  bool last;    // and is finished then

  /// The place `row` rows and `column` columns further, both whole tiles.
  [[nodiscard]] TilePlace at(std::size_t row, std::size_t column) const {
    TilePlace place = *this;
    place.y += row * stride + column;
    if (rest != nullptr) place.rest += row * kPanel + column * kTileRows;
    place.rows = rows > row ? rows - row : 0;
    place.columns = columns > column ? columns - column : 0;
    return place;
  }
};

template <int C, class Tiles>
SKALD_INLINE void begin_tile(Tiles& tiles, const TilePlace& place) {
  place.first ? tiles.template zero<C>() : tiles.template load<C>(place.rest, kTileRowBytes);
}

/// A tile that reaches over the edge of y goes there by way of `edge`.
template <int C, class Tiles>
void end_tile(Tiles& tiles, const TilePlace& place) {
  if (!place.last) return tiles.template store<C>(place.rest, kTileRowBytes);
  if (place.rows >= kTileRows && place.columns >= kTileRows)
    return tiles.template store<C>(place.y, place.stride * sizeof(float));
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
  TilePlace place;         // all rows and columns from the first tile's corner on
  const std::byte* ahead;  // weights that are multiplied next, `lines` of them asked for at each tile of k
  std::size_t lines;
};

/// The lines of y that a product is about to write.
inline void ask_for_place(const TilePlace& place) {
  for (std::size_t r = 0; place.last && r < std::min(place.rows, 2 * kTileRows); ++r) {
    __builtin_prefetch(place.y + r * place.stride, 1);
    __builtin_prefetch(place.y + r * place.stride + kLanes, 1);
  }
}

template <int kRowTiles, class Tiles>
void multiply_panel(Tiles& tiles, const TileProduct& p) {
  constexpr bool kTwo = kRowTiles == 2;
  const bool right = p.place.columns > kTileRows;  // else the second column tile is padding
  begin_tile<0>(tiles, p.place);
  begin_tile<1>(tiles, p.place.at(0, kTileRows));
  if constexpr (kTwo) begin_tile<2>(tiles, p.place.at(kTileRows, 0));
  if constexpr (kTwo) begin_tile<3>(tiles, p.place.at(kTileRows, kTileRows));
  if constexpr (kTwo) ask_for_place(p.place);
  const std::byte* x = p.x;
  const std::byte* w = p.w;
  const std::byte* ahead = p.ahead;
  for (std::size_t b = 0; b < p.blocks; ++b, x += kTileBytes, w += kPanelTileBytes) {
    if constexpr (kTwo) {
      for (std::size_t line = 0; line < p.lines; ++line, ahead += 64) __builtin_prefetch(ahead, 0, 2);
    } else {  // the panel streams from memory
      for (std::size_t line = 0; line < kPanelTileBytes; line += 64) __builtin_prefetch(w + 2 * kPanelTileBytes + line);
    }
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
  if (right || !p.place.last) end_tile<1>(tiles, p.place.at(0, kTileRows));
  if constexpr (kTwo) end_tile<2>(tiles, p.place.at(kTileRows, 0));
  if (kTwo && (right || !p.place.last)) end_tile<3>(tiles, p.place.at(kTileRows, kTileRows));
}

/// `rows` rows of one panel, over some tiles of k. Each pair of row tiles asks for its part of p.ahead.
template <class Tiles>
void multiply_rows(Tiles& tiles, const TileProduct& p, std::size_t rows) {
  const std::size_t pairs = ceil_div(rows, 2 * kTileRows);
  const std::size_t lines = ceil_div(kPanelTileBytes / 64, pairs);
  for (std::size_t row = 0; row < rows; row += 2 * kTileRows) {
    TileProduct pair = p;
    pair.place = p.place.at(row, 0);
    pair.x += row / kTileRows * p.x_tile_bytes;
    if (p.ahead != nullptr) {
      pair.ahead += row / (2 * kTileRows) * lines * 64 * p.blocks;
      pair.lines = lines;
    }
    rows - row > kTileRows ? multiply_panel<2>(tiles, pair) : multiply_panel<1>(tiles, pair);
  }
}

template <class Tiles>
void tile_gemm(const GemmCall& call, std::size_t panel_begin, std::size_t panel_end) {
  static constexpr TileConfig kConfig;
  Tiles tiles(kConfig);
  const std::size_t tiles_k = ceil_div(call.k, kTileK);
  panel_end = std::min(panel_end, ceil_div(call.n, kPanel));
  for (std::size_t row = 0; row < call.m; row += kTileBlockRows) {
    const std::size_t rows = std::min(call.m - row, kTileBlockRows);
    const bool whole = rows <= 2 * kTileRows || packed_tiles_bytes(rows, call.k) <= kTileWholeX;
    const std::size_t step = whole ? tiles_k : kTileBlockK / kTileK;
    const std::size_t rest_floats = ceil_div(rows, 2 * kTileRows) * 2 * kTileRows * kPanel;  // of a panel
    float* const rest = whole ? nullptr : scratch(kTileGroup * rest_floats);
    for (std::size_t group = panel_begin; group < panel_end; group += whole ? panel_end : kTileGroup) {
      const std::size_t group_end = whole ? panel_end : std::min(panel_end, group + kTileGroup);
      for (std::size_t b = 0; b < tiles_k; b += step) {
        for (std::size_t panel = group; panel < group_end; ++panel) {
          const std::byte* const w = call.w + (panel * tiles_k + b) * kPanelTileBytes;
          multiply_rows(tiles,
                        {.x = call.packed_x + (row / kTileRows * tiles_k + b) * kTileBytes,
                         .x_tile_bytes = tiles_k * kTileBytes,
                         .w = w,
                         .blocks = std::min(step, tiles_k - b),
                         .place = {.y = call.y + row * call.y_stride + panel * kPanel,
                                   .stride = call.y_stride,
                                   .rows = call.m - row,
                                   .columns = call.n - panel * kPanel,
                                   .rest = whole ? nullptr : rest + (panel - group) * rest_floats,
                                   .first = b == 0,
                                   .last = b + step >= tiles_k},
                         .ahead = panel + 1 < group_end ? w + tiles_k * kPanelTileBytes : nullptr,
                         .lines = 0},
                        rows);
        }
      }
    }
  }
}

template <class Tiles>
inline constexpr GemmKernels kTileBf16Gemm = {XForm::bf16_tiles, packed_tiles_bytes, pack_tiles, tile_gemm<Tiles>};

}  // namespace
}  // namespace skald::kernels::SKALD_ISA
