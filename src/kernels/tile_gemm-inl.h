// y = x · Wᵀ for bf16 weights on tile registers, at every row count. x is rounded to bf16 by pack_x.
//
// packed x: [blocks of 256 inputs][ceil(m / 16)][tiles of 32 inputs][16][32] bfloat16, zero beyond m and k: a tile is
// 1 KiB on end, and what the same inputs make of all rows lies together, since rows a power of two apart share few sets
// of a cache.
// A panel (pack.h) is [ceil(k / 32)][16 pairs][32 outputs][2]: two B tiles side by side.
//
// One C tile is made by a product for each 32 inputs, ascending, from zero.
//
//   block    512 rows of x by 256 inputs stay in L2 for a group of panels
//   group    16 panels, whose C tiles rest in L2 beside x between two blocks, each on its own 1 KiB
//   panel    16 KiB of it, a block's part, stay in L1 for all row tiles; meanwhile the next part is asked for
//
// 1 x 2 tiles of C take 3 loads for 2 products. Those of 2 x 2 take 4 for 4, but keep more registers (tile-inl.h).
// Measured on a Sapphire Rapids at 2.2 GHz, 512 x 2048 x 1024, ns a product alone on the core and beside another
// thread: 13 and 20; 2 x 2 tiles, nothing dropped, blocks of 512 inputs 16 and 44; tiles of x a row of tiles apart
// 20 % more; a block of 128 inputs 16 and 23, of 512 21 and 25.

namespace skald::kernels::SKALD_ISA {
namespace {

inline constexpr std::size_t kTileK = 32;
inline constexpr std::size_t kPanelRowBytes = kPanel * 4;                   // one pair of inputs
inline constexpr std::size_t kPanelTileBytes = kTileRows * kPanelRowBytes;  // 32 inputs
inline constexpr std::size_t kTileBlock = 8;                                // tiles of k: 16 KiB of a panel
inline constexpr std::size_t kTileBlockRows = 512;                          // 256 KiB of a block of x
inline constexpr std::size_t kTileGroup = 16;                               // panels: 1 MiB of C tiles

inline std::size_t ceil_div(std::size_t a, std::size_t b) { return (a + b - 1) / b; }

inline std::size_t packed_tiles_bytes(std::size_t m, std::size_t k) {
  return ceil_div(m, kTileRows) * ceil_div(k, kTileK) * kTileBytes;
}

/// Where the tile of row tile `row` and number `tile` of `tiles_k` begins in packed x of m rows.
inline std::size_t packed_tile_at(std::size_t m, std::size_t tiles_k, std::size_t row, std::size_t tile) {
  const std::size_t block = tile / kTileBlock * kTileBlock;
  const std::size_t of_block = std::min(kTileBlock, tiles_k - block);
  return (ceil_div(m, kTileRows) * block + row * of_block + tile - block) * kTileBytes;
}

inline void pack_tiles(const float* x, std::size_t x_stride, std::size_t k, std::size_t row_begin, std::size_t row_end,
                       std::size_t m, std::byte* out) {
  const std::size_t tiles_k = ceil_div(k, kTileK);
  const std::size_t padded_end = row_end == m ? ceil_div(m, kTileRows) * kTileRows : row_end;
  for (std::size_t row = row_begin; row < padded_end; ++row) {
    for (std::size_t t = 0; t < tiles_k; ++t) {
      std::byte* const to = out + packed_tile_at(m, tiles_k, row / kTileRows, t) + row % kTileRows * kTileRowBytes;
      const std::size_t n = row < row_end ? std::min(kTileK, k - t * kTileK) : 0;
      if (n < kTileK) std::memset(to, 0, kTileRowBytes);
      if (n > 0) round_to_bf16(x + row * x_stride + t * kTileK, n, to);
    }
  }
}

/// Where a C tile comes from and goes to.
struct TilePlace {
  float* y;  // [rows, columns], rows `stride` floats apart: of finished sums
  std::size_t stride, rows, columns;
  float* rest;  // [16][16]: of those that need more inputs
  bool first;   // starts from zero
  bool last;    // and is finished then

  /// That of the next 16 outputs.
  [[nodiscard]] TilePlace right() const {
    TilePlace place = *this;
    place.y += kTileRows;
    place.columns = columns > kTileRows ? columns - kTileRows : 0;
    if (rest != nullptr) place.rest += kTileBytes / sizeof(float);
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

/// A row tile by a panel (two column tiles), over `tiles` tiles of k.
struct TileProduct {
  const std::byte* x;  // tiles of packed x
  const std::byte* w;  // the panel from the same inputs on
  std::size_t tiles;
  TilePlace place;         // of the left C tile
  const std::byte* ahead;  // weights that are multiplied later: at each tile of k `lines` of them are asked for
  std::size_t lines;
};

/// The lines of y that a product is about to write.
inline void ask_for_place(const TilePlace& place) {
  for (std::size_t r = 0; place.last && r < std::min(place.rows, kTileRows); ++r) {
    __builtin_prefetch(place.y + r * place.stride, 1);
    __builtin_prefetch(place.y + r * place.stride + kLanes, 1);
  }
}

template <class Tiles>
void multiply_panel(Tiles& tiles, const TileProduct& p) {
  begin_tile<0>(tiles, p.place);
  begin_tile<1>(tiles, p.place.right());
  ask_for_place(p.place);
  const std::byte* x = p.x;
  const std::byte* w = p.w;
  const std::byte* ahead = p.ahead;
  for (std::size_t t = 0; t < p.tiles; ++t, x += kTileBytes, w += kPanelTileBytes) {
    for (std::size_t line = 0; line < p.lines; ++line, ahead += 64) __builtin_prefetch(ahead);
    tiles.template load<2>(x, kTileRowBytes);
    tiles.template load<3>(w, kPanelRowBytes);
    tiles.template multiply<0, 2, 3>();
    tiles.template drop<3>();
    tiles.template load<3>(w + kTileRowBytes, kPanelRowBytes);
    tiles.template multiply<1, 2, 3>();
    tiles.template drop<2>();
    tiles.template drop<3>();
  }
  end_tile<0>(tiles, p.place);
  if (p.place.columns > kTileRows || !p.place.last) end_tile<1>(tiles, p.place.right());
}

/// Up to 16 rows: panels stream from memory, each from end to end.
template <class Tiles>
void multiply_row_tile(Tiles& tiles, const GemmCall& call, std::size_t panel_begin, std::size_t panel_end) {
  const std::size_t tiles_k = ceil_div(call.k, kTileK);
  for (std::size_t panel = panel_begin; panel < panel_end; ++panel) {
    const std::byte* const w = call.w + panel * tiles_k * kPanelTileBytes;
    multiply_panel(tiles, {.x = call.packed_x,
                           .w = w,
                           .tiles = tiles_k,
                           .place = {.y = call.y + panel * kPanel,
                                     .stride = call.y_stride,
                                     .rows = call.m,
                                     .columns = call.n - panel * kPanel,
                                     .rest = nullptr,
                                     .first = true,
                                     .last = true},
                           .ahead = w + 2 * kPanelTileBytes,
                           .lines = kPanelTileBytes / 64});
  }
}

/// Some rows by a group of panels, block by block of their inputs.
template <class Tiles>
class TileGroup {
 public:
  TileGroup(Tiles& tiles, const GemmCall& call) : tiles_(tiles), call_(call), tiles_k_(ceil_div(call.k, kTileK)) {}

  /// Rows [row, row_end), of which `row` begins a tile, by panels [begin, end).
  void operator()(std::size_t row, std::size_t row_end, std::size_t begin, std::size_t end) {
    rest_floats_ = ceil_div(row_end - row, kTileRows) * kTileRows * kPanel;
    rest_ = scratch(kTileGroup * rest_floats_);
    for (std::size_t tile = 0; tile < tiles_k_; tile += kTileBlock) {
      for (std::size_t panel = begin; panel < end; ++panel) {
        const bool more = panel + 1 < end;
        const std::byte* const next = more                           ? part(panel + 1, tile)
                                      : tile + kTileBlock < tiles_k_ ? part(begin, tile + kTileBlock)
                                                                     : nullptr;
        multiply_part(row, row_end, panel, tile, rest_ + (panel - begin) * rest_floats_, next);
      }
    }
  }

 private:
  [[nodiscard]] const std::byte* part(std::size_t panel, std::size_t tile) const {
    return call_.w + (panel * tiles_k_ + tile) * kPanelTileBytes;
  }

  /// A block's part of a panel, from `tile` on; each row tile asks for its share of the `next` one.
  void multiply_part(std::size_t row, std::size_t row_end, std::size_t panel, std::size_t tile, float* rest,
                     const std::byte* next) {
    const std::size_t count = std::min(kTileBlock, tiles_k_ - tile);
    const std::size_t lines = next == nullptr ? 0 : ceil_div(kPanelTileBytes / 64, ceil_div(row_end - row, kTileRows));
    for (; row < row_end; row += kTileRows, rest += kTileRows * kPanel) {
      multiply_panel(tiles_, {.x = call_.packed_x + packed_tile_at(call_.m, tiles_k_, row / kTileRows, tile),
                              .w = part(panel, tile),
                              .tiles = count,
                              .place = {.y = call_.y + row * call_.y_stride + panel * kPanel,
                                        .stride = call_.y_stride,
                                        .rows = row_end - row,
                                        .columns = call_.n - panel * kPanel,
                                        .rest = rest,
                                        .first = tile == 0,
                                        .last = tile + count == tiles_k_},
                              .ahead = next,
                              .lines = lines});
      if (next != nullptr) next += lines * count * 64;
    }
  }

  Tiles& tiles_;
  const GemmCall& call_;
  std::size_t tiles_k_;
  std::size_t rest_floats_ = 0;  // of a panel
  float* rest_ = nullptr;
};

template <class Tiles>
void tile_gemm(const GemmCall& call, std::size_t panel_begin, std::size_t panel_end) {
  static constexpr TileConfig kConfig;
  Tiles tiles(kConfig);
  panel_end = std::min(panel_end, ceil_div(call.n, kPanel));
  if (call.m <= kTileRows) return multiply_row_tile(tiles, call, panel_begin, panel_end);
  TileGroup group(tiles, call);
  for (std::size_t row = 0; row < call.m; row += kTileBlockRows) {
    const std::size_t row_end = std::min(call.m, row + kTileBlockRows);
    for (std::size_t panel = panel_begin; panel < panel_end; panel += kTileGroup)
      group(row, row_end, panel, std::min(panel_end, panel + kTileGroup));
  }
}

template <class Tiles>
inline constexpr GemmKernels kTileBf16Gemm = {XForm::bf16_tiles, packed_tiles_bytes, pack_tiles, tile_gemm<Tiles>};

}  // namespace
}  // namespace skald::kernels::SKALD_ISA
