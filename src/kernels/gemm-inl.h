// y = x · Wᵀ for packed weights. A *strip* is the sixteen neighbouring outputs that one Vec holds: half a panel.
//
// Every output is acc = fma(x[k], w[k], acc) for ascending k, from acc = 0. Tiles, cache blocks and panels only choose
// which outputs are made together, so all of them give the same bits; an accumulator may rest in y between two blocks
// of k.

namespace skald::kernels::SKALD_ISA {
namespace {

/// How the weights of one strip are read: kStep values of k at a time, kStrideBytes apart.
struct F32Panel {
  static constexpr bool kPrefetch = true;
  static std::size_t bytes(std::size_t k) { return panel_bytes(WeightFormat::f32, k); }
  static constexpr std::size_t kStep = 1;
  static constexpr std::size_t kStrideBytes = kPanel * 4;
  static constexpr std::size_t kStripBytes = kLanes * 4;
  static SKALD_INLINE void load_step(const std::byte* p, Vec (&w)[1]) {
    w[0] = load(reinterpret_cast<const float*>(p));
  }
};
struct F16Panel {
  static constexpr bool kPrefetch = true;
  static std::size_t bytes(std::size_t k) { return panel_bytes(WeightFormat::f16, k); }
  static constexpr std::size_t kStep = 1;
  static constexpr std::size_t kStrideBytes = kPanel * 2;
  static constexpr std::size_t kStripBytes = kLanes * 2;
  static SKALD_INLINE void load_step(const std::byte* p, Vec (&w)[1]) { w[0] = load_f16(p); }
};
struct Bf16Panel {
  static constexpr bool kPrefetch = true;
  static std::size_t bytes(std::size_t k) { return panel_bytes(WeightFormat::bf16, k); }
  static constexpr std::size_t kStep = 2;
  static constexpr std::size_t kStrideBytes = kPanel * 4;
  static constexpr std::size_t kStripBytes = kLanes * 4;
  static SKALD_INLINE void load_step(const std::byte* p, Vec (&w)[2]) { load_bf16_pairs(p, w[0], w[1]); }
};

/// fma, where a format has no product of its own.
template <class W>
SKALD_INLINE Vec multiply_add(const Vec& x, const Vec& w, const Vec& acc) {
  if constexpr (requires { W::multiply_add(x, w, acc); }) {
    return W::multiply_add(x, w, acc);
  } else {
    return fma(x, w, acc);
  }
}

/// acc[r][s] = multiply_add(x[r][i], w[s][i], acc[r][s]) for i = 0 .. k - 1: the multiply-add loop of the whole
/// program. For every line of w that it reads, it asks for the one `ahead` bytes further.
template <class W, int R, int S>
SKALD_INLINE void accumulate(const float* const (&x)[R], const std::byte* const (&w)[S], std::size_t stride,
                             std::size_t k, [[maybe_unused]] const std::size_t (&ahead)[2], Vec (&acc)[R][S]) {
  std::size_t offset = 0;
  std::size_t i = 0;
  for (; i + W::kStep <= k; i += W::kStep, offset += stride) {
    Vec step[S][W::kStep];
    SKALD_UNROLL
    for (int s = 0; s < S; ++s) {
      if constexpr (W::kPrefetch) {
        if (s * W::kStripBytes % 64 == 0) __builtin_prefetch(w[s] + offset + ahead[s % 2], 0, 3);
      }
      W::load_step(w[s] + offset, step[s]);
    }
    SKALD_UNROLL
    for (std::size_t j = 0; j < W::kStep; ++j) {
      SKALD_UNROLL
      for (int r = 0; r < R; ++r) {
        const Vec xr = splat(x[r][i + j]);
        SKALD_UNROLL
        for (int s = 0; s < S; ++s) acc[r][s] = multiply_add<W>(xr, step[s][j], acc[r][s]);
      }
    }
  }
  if constexpr (W::kStep == 2) {
    if (i == k) return;
    SKALD_UNROLL
    for (int s = 0; s < S; ++s) {
      Vec step[2];
      W::load_step(w[s] + offset, step);
      SKALD_UNROLL
      for (int r = 0; r < R; ++r) acc[r][s] = fma(splat(x[r][i]), step[0], acc[r][s]);
    }
  }
}

/// One tile: some rows of x, a block of k, some strips of neighbouring panels.
struct TileCall {
  const float* x;  // [R, k], rows x_stride apart
  std::size_t x_stride;
  const std::byte* w;  // first strip, at the first k of the block
  std::size_t panel_bytes;
  float* y;  // [R, columns], rows y_stride apart
  std::size_t y_stride;
  std::size_t k;
  std::size_t columns;   // outputs from y on that exist
  std::size_t ahead[2];  // distance of the weights to prefetch, for even and odd strips, bytes
  bool first;            // starts from zero, else from what y holds
};

template <class W, int R, int S>
void gemm_tile(const TileCall& c) {
  const float* x[R];
  const std::byte* w[S];
  Vec acc[R][S];
  SKALD_UNROLL
  for (int r = 0; r < R; ++r) x[r] = c.x + r * c.x_stride;
  SKALD_UNROLL
  for (int s = 0; s < S; ++s) w[s] = c.w + s / 2 * c.panel_bytes + s % 2 * W::kStripBytes;
  SKALD_UNROLL
  for (int r = 0; r < R; ++r) {
    SKALD_UNROLL
    for (int s = 0; s < S; ++s) {
      const std::size_t column = s * kLanes;
      const float* y = c.y + r * c.y_stride + column;
      if (c.first || column >= c.columns) {
        acc[r][s] = zero();
      } else {
        acc[r][s] = c.columns - column >= kLanes ? load(y) : load_first(y, c.columns - column);
      }
    }
  }
  accumulate<W, R, S>(x, w, W::kStrideBytes, c.k, c.ahead, acc);
  SKALD_UNROLL
  for (int r = 0; r < R; ++r) {
    SKALD_UNROLL
    for (int s = 0; s < S; ++s) {
      const std::size_t column = s * kLanes;
      float* y = c.y + r * c.y_stride + column;
      if (column + kLanes <= c.columns) {
        store(acc[r][s], y);
      } else if (column < c.columns) {
        store_first(acc[r][s], y, c.columns - column);
      }
    }
  }
}

/// Strips that a tile of `rows` rows takes when nothing else limits it: as many accumulators as there are registers.
constexpr int wide_strips(int rows) {
  int strips = kNarrow;
  while (2 * strips * rows <= kAccumulators && strips < 8) strips *= 2;
  return strips;
}

using TileFunction = void (*)(const TileCall&);
struct TileFunctions {
  TileFunction narrow, wide;
};

template <class W, std::size_t... R>
constexpr std::array<TileFunctions, sizeof...(R)> make_tiles(std::index_sequence<R...>) {
  return {TileFunctions{gemm_tile<W, R + 1, kNarrow>, gemm_tile<W, R + 1, wide_strips(R + 1)>}...};
}
/// Tiles by their number of rows - 1.
template <class W>
inline constexpr auto kTiles = make_tiles<W>(std::make_index_sequence<kMaxRows>());

// Tried on a Zen 5 core (270 GFLOPS of FMAs), 2048 x 2048 in f32. 16 rows: no prefetch across blocks 128 GFLOPS, by the
// last tile 155, shared by two tiles 229-240. 512 rows: blocks of 256 k 0.79 of the peak, of 512 k 0.82; y not
// prefetched 0.75; x in rows with a padded stride or tiles of 14 rows: no difference; blocks of 96 rows and all k
// instead of 256 rows and 512 k: 0.79 to 0.86. Prefetching into L2 only: 14 % slower where weights come from L3.
// Streams 8 KiB ahead instead of 2: 8 rows 101 GFLOPS become 135, 12 rows 135 become 190, 1 and 2 rows lose 5 to 15 %.
// 13 to 24 rows as one tile of one strip: a third to two thirds slower, rows' addresses leave the registers.
inline constexpr std::size_t kStreamAhead = 2048;    // crosses pages, where the hardware's prefetcher stops
inline constexpr std::size_t kSomeRowsAhead = 8192;  // a line is read in the time of so many rows' products
inline constexpr std::size_t kFewStreamRows = 4;
inline constexpr std::size_t kBlockK = 512;             // a panel's block of k stays in L1 / L2 from tile to tile
inline constexpr std::size_t kBlockXBytes = 768 << 10;  // the block of x that stays in L2 from panel to panel
inline constexpr std::size_t kBlockRows = 96;           // so few that k up to 2048 needs one pass over y

/// Asks for the rows of y that the next tile starts from: they lie a whole panel's pass behind, often out of L2.
inline void prefetch_rows(const TileCall& c, std::size_t begin, std::size_t end) {
  for (std::size_t r = begin; r < end; ++r) {
    const float* y = c.y + r * c.y_stride;
    for (std::size_t column = 0; column < std::min(c.columns, kPanel); column += kLanes)
      __builtin_prefetch(y + column, 1);
  }
}

/// All tiles of a group of strips: rows [0, m) cut evenly into as few tiles as possible. The first two tiles share the
/// prefetch of what comes next, so that memory works while they compute.
template <class W>
void gemm_group(TileCall c, std::size_t m, int strips, std::size_t ahead) {
  const std::size_t tiles = (m + kMaxRows - 1) / kMaxRows;
  const int wide = tiles == 1 ? wide_strips(static_cast<int>(m)) : kNarrow;
  const int width = strips >= wide ? wide : kNarrow;
  const TileCall group = c;
  for (int s = 0; s < strips; s += width) {
    const auto column = static_cast<std::size_t>(s) * kLanes;
    if (column >= group.columns) return;
    c.x = group.x;
    c.w = group.w + s * W::kStripBytes;
    c.y = group.y + column;
    c.columns = group.columns - column;
    for (std::size_t t = 0, row = 0; t < tiles; ++t) {
      const std::size_t end = m * (t + 1) / tiles;
      const TileFunctions& functions = kTiles<W>[end - row - 1];
      for (std::size_t i = 0; i < 2; ++i) c.ahead[i] = t == i % tiles ? ahead : 0;
      if (!group.first) prefetch_rows(c, end - row, std::min(m, end + kMaxRows) - row);
      (width > kNarrow ? functions.wide : functions.narrow)(c);
      c.x += (end - row) * c.x_stride;
      c.y += (end - row) * c.y_stride;
      row = end;
    }
  }
}

/// The outputs of some panels for a block of rows and k that fits in L2.
template <class W>
void gemm_block(const GemmCall& call, const TileCall& block, std::size_t m, std::size_t panel_begin,
                std::size_t panel_end) {
  const int wide = m <= kMaxRows ? wide_strips(static_cast<int>(m)) : 1;
  const bool stream = wide > 1;  // nothing is read twice: whole panels on end
  const std::size_t stream_ahead = m > kFewStreamRows ? kSomeRowsAhead : kStreamAhead;
  const std::size_t block_k = stream ? block.k : kBlockK;
  panel_end = std::min(panel_end, (call.n + kPanel - 1) / kPanel);
  for (std::size_t panel = panel_begin; panel < panel_end;) {
    const int strips = static_cast<int>(2 * (panel_end - panel)) >= wide ? std::max(wide, 2) : 2;
    TileCall c = block;
    c.y += panel * kPanel;
    c.columns = call.n - panel * kPanel;
    for (std::size_t k = 0; k < block.k; k += block_k) {
      c.x = block.x + k;
      c.w = block.w + panel * c.panel_bytes + k / W::kStep * W::kStrideBytes;
      c.k = std::min(block_k, block.k - k);
      c.first = block.first && k == 0;
      gemm_group<W>(c, m, strips, stream ? stream_ahead : c.k / W::kStep * W::kStrideBytes);
    }
    panel += static_cast<std::size_t>(strips) / 2;
  }
}

template <class W>
void gemm(const GemmCall& call, std::size_t panel_begin, std::size_t panel_end) {
  const std::size_t blocks = (call.m + kBlockRows - 1) / kBlockRows;  // each of them reads all weights: cut evenly
  for (std::size_t b = 0; b < blocks; ++b) {
    const std::size_t row = call.m * b / blocks;
    const std::size_t m = call.m * (b + 1) / blocks - row;
    const std::size_t fits = kBlockXBytes / (4 * m) / kBlockK * kBlockK;
    const std::size_t block_k = m <= kMaxRows ? call.k : std::max(fits, kBlockK);
    for (std::size_t k = 0; k < call.k; k += block_k) {
      const TileCall block{.x = call.x + row * call.x_stride + k,
                           .x_stride = call.x_stride,
                           .w = call.w + k / W::kStep * W::kStrideBytes,
                           .panel_bytes = W::bytes(call.k),
                           .y = call.y + row * call.y_stride,
                           .y_stride = call.y_stride,
                           .k = std::min(block_k, call.k - k),
                           .columns = 0,
                           .ahead = {},
                           .first = k == 0};
      gemm_block<W>(call, block, m, panel_begin, panel_end);
    }
  }
}

}  // namespace
}  // namespace skald::kernels::SKALD_ISA
