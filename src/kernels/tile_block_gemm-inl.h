// y = x · Wᵀ for weights in blocks on tile registers: the bits of block_gemm-inl.h, since a run's sum is exact in 32
// bits and is scaled by the same operations in the same order.
//
// A step of a panel is unpacked into L1 as there, but to signed levels: 4 inputs x 16 outputs are one row of a B tile.
// A tile takes 64 inputs of a run, or all of them, so it is 64, 32 or 16 bytes deep. x lies in A tiles
// (tile_block_x-inl.h).
//
//   unit    16 rows x 32 outputs x 4 short runs or 2 of 256: their products on tiles, into 4 or 8 KiB of sums
//
//   step    512 inputs of a panel (block_gemm-inl.h) by the rows of a block of x, whose 256 KiB of these inputs stay in
//           L2 for a group of panels
//   group   16 panels, whose accumulators rest in L2 beside x between two steps, in rows of 32 beside one another: in y
//           rows of a power of two would lie in the same sets of the caches
//
// The products of a unit are issued before the sums of the one before it are scaled, so that tiles and vectors work at
// once.
//
// Measured on a Sapphire Rapids at 2.2 GHz beside another thread of the core (runs of 64, ns of 16 rows x 16
// outputs x 64 inputs): all of it 41, of runs of 256 22; of runs of 64 tiles alone 23 (a product 7, a store 10),
// scaling alone 15. Weights that stay in four tiles for 64 rows, with three of sums in turns, need fewer loads, but
// keep all registers (tile-inl.h): 54. Units of 1, 2 and 8 runs 54, 44 and 55; scaling strewn between the products 41;
// sums that lie two units back 48 and more.

namespace skald::kernels::SKALD_ISA {
namespace {

inline constexpr std::size_t kMostUnitRuns = 4;
inline constexpr int kXTile = 2;  // after one of sums for each strip
inline constexpr int kWeightTile = 3;

/// Runs of a unit, of which a step has several.
template <class Kind>
inline constexpr std::size_t kUnitRuns = std::min(kMostUnitRuns, kStepInputs / Kind::kRun);

/// Tiles for products of `rows` <= 16 rows of x and `inputs` <= 64.
constexpr TileConfig run_tiles(std::size_t rows, std::size_t inputs) {
  TileConfig config;
  for (int i = 0; i <= kXTile; ++i) config.rows[i] = static_cast<std::uint8_t>(rows);
  config.row_bytes[kXTile] = static_cast<std::uint16_t>(inputs);
  config.rows[kWeightTile] = static_cast<std::uint8_t>(inputs / 4);
  return config;
}

/// The exact sums of a unit: [runs][strips][16 rows][16 outputs].
struct alignas(64) UnitSums {
  std::int32_t of[kMostUnitRuns * kStrips][kTileRows][kLanes];
};

/// Where the accumulators of a unit lie before or after it.
struct SumPlace {
  float* p;  // [rows, columns], rows `stride` apart
  std::size_t stride, columns;

  /// Columns of a strip that exist.
  [[nodiscard]] SKALD_INLINE std::size_t width(std::size_t strip) const {
    return columns <= strip * kLanes ? 0 : std::min<std::size_t>(columns - strip * kLanes, kLanes);
  }
};

/// Some rows of a step and one or more of its runs.
struct TileUnit {
  std::size_t row;     // the first one
  const std::byte* x;  // its tile of the step's first inputs
  std::size_t rows;    // that exist
  std::size_t run, runs;
  SumPlace from, to;
};

/// The scales, or minimums, of the runs of a unit.
template <std::size_t kRuns>
struct UnitScales {
  Vec of[kRuns][kStrips];

  SKALD_INLINE explicit UnitScales(const float* scales) {
    SKALD_UNROLL
    for (std::size_t i = 0; i < kRuns * kStrips; ++i) of[i / kStrips][i % kStrips] = load(scales + i * kLanes);
  }
};

/// acc = fma(sum, scale * x_scale, acc) of the runs of a unit, then with minimums as block_tile has it. kWhole: all
/// columns exist. What the loop needs is local: stores of vectors may change anything else.
template <class Kind, std::size_t kRuns, bool kWhole>
void scale_sums(const BlockTile& step, const TiledX& tiled, const TileUnit& u, const UnitSums& sums) {
  const UnitScales<kRuns> scales(step.step->scales + u.run * kPanel);
  const UnitScales<kRuns> minimums(step.step->minimums + u.run * kPanel);
  BlockRow<Kind> row(step.x, tiled.scales_at(u.row), tiled.sums_at(u.row), step.first_input + u.run * Kind::kRun);
  const std::size_t tail_bytes = tiled.tail_bytes();
  const std::int32_t* sum = sums.of[0][0];
  const std::int32_t* const end = sum + u.rows * kLanes;
  SumPlace from = u.from;
  SumPlace to = u.to;
  for (; sum < end; sum += kLanes, from.p += from.stride, to.p += to.stride, row.advance(tail_bytes)) {
    Vec acc[kStrips];
    SKALD_UNROLL
    for (std::size_t s = 0; s < kStrips; ++s)
      acc[s] = kWhole ? load(from.p + s * kLanes) : load_first(from.p + s * kLanes, from.width(s));
    SKALD_UNROLL
    for (std::size_t j = 0; j < kRuns; ++j) {
      const Vec x_scale = splat(row.scale(j));
      SKALD_UNROLL
      for (std::size_t s = 0; s < kStrips; ++s) {
        const IVec dot = load_ints(sum + (j * kStrips + s) * kTileRows * kLanes);
        acc[s] = add_run(dot, scales.of[j][s], x_scale, acc[s]);
        if constexpr (Kind::kMinimums) acc[s] = add_minimum(minimums.of[j][s], row, j, acc[s]);
      }
    }
    SKALD_UNROLL
    for (std::size_t s = 0; s < kStrips; ++s)
      kWhole ? store(acc[s], to.p + s * kLanes) : store_first(acc[s], to.p + s * kLanes, to.width(s));
  }
}

template <int kSum, class Tiles>
SKALD_INLINE void multiply_strip(Tiles& tiles, const std::byte* w) {
  tiles.template load<kWeightTile>(w + kSum * kVectorBytes, kStrips * kVectorBytes);
  tiles.template multiply_bytes<kSum, kXTile, kWeightTile>();
  tiles.template drop<kWeightTile>();
}

template <int kSum, class Tiles>
SKALD_INLINE void store_sum(Tiles& tiles, std::int32_t (*sums)[kTileRows][kLanes]) {
  tiles.template store<kSum>(sums[kSum], kTileRowBytes);
  tiles.template drop<kSum>();
}

template <class Kind, class Tiles>
SKALD_INLINE void multiply_runs(Tiles& tiles, const BlockTile& step, const TileUnit& u, UnitSums& sums) {
  static_assert(kStrips == 2);
  std::size_t input = u.run * Kind::kRun;  // of the step
  const std::byte* w = step.step->codes + input * kPanel;
  for (std::size_t j = 0; j < u.runs; ++j) {
    tiles.template zero<0>();
    tiles.template zero<1>();
    for (const std::size_t end = Kind::end(u.run + j, step.inputs); input < end;
         input += Kind::kPiece, w += Kind::kPiece * kPanel) {
      tiles.template load<kXTile>(u.x + input / kTileRowBytes * kTileBytes + input % kTileRowBytes, kTileRowBytes);
      multiply_strip<0>(tiles, w);
      multiply_strip<1>(tiles, w);
      tiles.template drop<kXTile>();
    }
    store_sum<0>(tiles, sums.of + j * kStrips);
    store_sum<1>(tiles, sums.of + j * kStrips);
  }
}

/// Steps of panels, one after another, each by all rows of a block of x.
template <class Kind, class Tiles>
class TileSteps {
 public:
  TileSteps(Tiles& tiles, const TiledX& tiled) : tiles_(tiles), tiled_(tiled) {}

  /// Rows [row, row_end); accumulators [row_end - row][kPanel]: where the sums of the panel rest between its steps.
  __attribute__((noinline)) void operator()(const BlockTile& step, std::size_t row_begin, std::size_t row_end,
                                            float* accumulators) {
    step_ = step;
    begin_ = row_begin;
    end_ = row_end;
    accumulators_ = accumulators;
    units_ = 0;
    const std::size_t runs = ceil_div(step.inputs, Kind::kRun);
    for (std::size_t row = row_begin; row < row_end; row += kTileRows) {
      for (std::size_t run = 0; run < runs;) {
        const std::size_t count = runs - run < kUnitRuns<Kind> ? 1 : kUnitRuns<Kind>;
        take(unit(row, run, count));
        run += count;
      }
    }
    scale(last_, sums_[(units_ + 1) % 2]);
  }

 private:
  /// Runs [run, run + count) of the rows from `row` on.
  [[nodiscard]] TileUnit unit(std::size_t row, std::size_t run, std::size_t count) {
    const SumPlace y = {step_.y + (row - begin_) * step_.y_stride, step_.y_stride, std::min(step_.columns, kPanel)};
    const SumPlace near = {accumulators_ + (row - begin_) * kPanel, kPanel, kPanel};
    const std::size_t end = (run + count) * Kind::kRun;
    return {.row = row,
            .x = step_.x + tiled_.tile_at(row, step_.first_input),
            .rows = std::min(kTileRows, end_ - row),
            .run = run,
            .runs = count,
            .from = step_.first && run == 0 ? SumPlace{zeros_, 0, kPanel} : near,
            .to = step_.last && end >= step_.inputs ? y : near};
  }

  /// Multiplies a unit and scales the one before it.
  void take(const TileUnit& u) {
    multiply_runs<Kind>(tiles_, step_, u, sums_[units_ % 2]);
    if (units_ > 0) scale(last_, sums_[(units_ + 1) % 2]);
    last_ = u;
    ++units_;
  }

  void scale(const TileUnit& u, const UnitSums& sums) const {
    const bool whole = std::min(u.from.columns, u.to.columns) == kPanel;
    if (u.runs == 1) return (whole ? scale_sums<Kind, 1, true> : scale_sums<Kind, 1, false>)(step_, tiled_, u, sums);
    (whole ? scale_sums<Kind, kUnitRuns<Kind>, true> : scale_sums<Kind, kUnitRuns<Kind>, false>)(step_, tiled_, u,
                                                                                                 sums);
  }

  Tiles& tiles_;
  const TiledX& tiled_;
  BlockTile step_ = {};  // its x: all that is packed
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::size_t units_ = 0;
  TileUnit last_ = {};
  UnitSums sums_[2];
  float* accumulators_ = nullptr;
  alignas(64) float zeros_[kPanel] = {};
};

/// Rows [row, row_end), at most kTileBlockRows, by panels [begin, end), step by step of their inputs.
template <const BlockLayout& L, class Steps>
void multiply_group(const GemmCall& call, const BlockX& form, Steps& steps, std::size_t row, std::size_t row_end,
                    std::size_t begin, std::size_t end) {
  const std::size_t floats = (row_end - row) * kPanel;  // of a panel's accumulators
  float* const accumulators = scratch((end - begin) * floats);
  UnpackedStep step;
  for (std::size_t group = 0; group < L.groups(call.k); group += step_groups<L>(call.m)) {
    for (std::size_t panel = begin; panel < end; ++panel) {
      steps(unpack_step<L, 0>(call, form, call.packed_x, row, panel, group, step), row, row_end,
            accumulators + (panel - begin) * floats);
    }
  }
}

template <const BlockLayout& L, class Tiles>
void tile_block_gemm(const GemmCall& call, std::size_t panel_begin, std::size_t panel_end) {
  if (call.m < kFewestTileRows) return block_gemm<L>(call, panel_begin, panel_end);
  const TileConfig config = run_tiles(std::min(call.m, kTileRows), std::min(L.run, kMostPiece));
  Tiles tiles(config);
  const TiledX tiled(call.m, call.k, L.x_block());
  TileSteps<RunKind<L.run, L.minimums, 0>, Tiles> steps(tiles, tiled);
  panel_end = std::min(panel_end, ceil_div(call.n, kPanel));
  const std::size_t together = call.m > kTileRows ? kTileGroup : 1;  // else a panel streams from memory
  for (std::size_t row = 0; row < call.m; row += kTileBlockRows) {
    const std::size_t row_end = std::min(call.m, row + kTileBlockRows);
    for (std::size_t panel = panel_begin; panel < panel_end; panel += together)
      multiply_group<L>(call, tiled.form(), steps, row, row_end, panel, std::min(panel_end, panel + together));
  }
}

template <const BlockLayout& L, class Tiles>
inline constexpr GemmKernels kTileBlockGemm = {kBlockGemm<L>.x_form, tiled_x_bytes<L.x_block()>,
                                               pack_tiled_x<L.x_block()>, tile_block_gemm<L, Tiles>};

}  // namespace
}  // namespace skald::kernels::SKALD_ISA
