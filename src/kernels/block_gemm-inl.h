// y = x · Wᵀ for weights in blocks (block_layout.h) and activations in blocks (block_x.h).
//
// A step of up to 512 inputs of one panel is unpacked into L1, whatever the format, and multiplied by all rows of x;
// few rows take codes without that (direct_gemm-inl.h).
//
// Tried on a Zen 5 core (int4, 2048 x 2048; 979 GOPS of byte products): 512 rows 740 GOPS; by steps of 256 inputs 650.
//
// An output is, run by run of inputs, ascending: acc = fma(sum of code * q, scale * x_scale, acc), the sum exact in 32
// bits; with minimums then acc = fma(minimum, x_scale * sum of q, acc). So all splits of rows and panels give the same
// bits, and all tables too.

namespace skald::kernels::SKALD_ISA {
namespace {

inline constexpr std::size_t kStepInputs = 512;        // at most
inline constexpr std::size_t kStepXBytes = 384 << 10;  // of x that stay in L2 from panel to panel
inline constexpr std::size_t kFewRows = 16;
inline constexpr float kLeastScaled = 0x1p-100F;  // 127 / x is finite from here on; smaller blocks are zeros

/// A step of a panel as the products take it.
struct alignas(64) UnpackedStep {
  std::byte codes[kStepInputs * kPanel];      // [inputs / 4][2 vectors][16 outputs][4 inputs]
  float scales[kStepInputs / 16 * kPanel];    // [runs][32]
  float minimums[kStepInputs / 16 * kPanel];  // [runs][32]
};

template <const BlockLayout& L, int kZero, std::size_t... V>
SKALD_INLINE void unpack_chunk(const std::byte* chunk, const Codebook<L, kZero>& book, const Choices& choices,
                               std::byte* codes, std::index_sequence<V...>) {
  (store_bytes(unpack_vector<L, kZero, V>(chunk, book, choices), codes + V * kVectorBytes), ...);
}

/// The scales or minimums at p as floats: [runs][32].
template <const BlockLayout& L>
SKALD_INLINE void unpack_scales(const std::byte* p, float* out) {
  const GroupScales<L> scales(p);
  for (std::size_t r = 0; r < L.runs(); ++r) {
    SKALD_UNROLL
    for (std::size_t s = 0; s < kStrips; ++s) store(scales.of(r, s), out + r * kPanel + s * kLanes);
  }
}

/// So many inputs from `p` on. Asks for each line of memory that it reads and for the one kBlocksAhead further.
template <const BlockLayout& L, int kZero>
void unpack_groups(const std::byte* p, std::size_t inputs, UnpackedStep& step) {
  const Codebook<L, kZero> book;
  float* scales = step.scales;
  float* minimums = step.minimums;
  std::byte* codes = step.codes;
  for (std::size_t first = 0; first < inputs; first += L.group, p += L.group_bytes()) {
    unpack_scales<L>(p, scales);
    if constexpr (L.minimums) unpack_scales<L>(p + L.scale_bytes(), minimums);
    const std::size_t chunks = L.group <= kMostPiece ? L.group / kChunk : std::min(L.group, inputs - first) / kChunk;
    for (std::size_t c = 0; c < chunks; ++c, codes += kChunkVectors * kVectorBytes) {
      const std::byte* const chunk = p + L.chunks_at() + c * L.chunk_bytes();
      for (std::size_t line = 0; line < L.group_bytes() / (L.group / kChunk); line += 64)
        __builtin_prefetch(chunk + kBlocksAhead + line);
      unpack_chunk<L, kZero>(chunk, book, Choices::of_chunk<L>(chunk), codes,
                             std::make_index_sequence<kChunkVectors>());
    }
    scales += L.runs() * kPanel;
    minimums += L.runs() * kPanel;
  }
}

/// Some rows of x by a strip or two of an unpacked step.
struct BlockTile {
  const std::byte* x;  // packed rows, x_stride apart
  std::size_t x_stride;
  const BlockX* form;
  std::size_t first_input;  // of the step
  std::size_t inputs;       // of the step that x has: of its last run perhaps a part, whole pieces
  const UnpackedStep* step;
  std::size_t strip;  // the first one
  float* y;           // [R, columns], rows y_stride apart
  std::size_t y_stride;
  std::size_t columns;  // outputs from y on that exist
  bool first;           // starts from zero, else from what y holds
  bool last;            // of its panel
};

template <int R, int S>
SKALD_INLINE void load_tile(const BlockTile& t, Vec (&acc)[R][S]) {
  SKALD_UNROLL
  for (int r = 0; r < R; ++r) {
    SKALD_UNROLL
    for (int s = 0; s < S; ++s) {
      const std::size_t column = static_cast<std::size_t>(s) * kLanes;
      const float* y = t.y + static_cast<std::size_t>(r) * t.y_stride + column;
      if (t.first || column >= t.columns) {
        acc[r][s] = zero();
      } else {
        acc[r][s] = t.columns - column >= kLanes ? load(y) : load_first(y, t.columns - column);
      }
    }
  }
}

template <class Kind, int R, int S>
void block_tile(const BlockTile& t) {
  Vec acc[R][S];
  load_tile(t, acc);
  BlockRow<Kind> rows[R];
  SKALD_UNROLL
  for (int r = 0; r < R; ++r)
    rows[r] = BlockRow<Kind>(t.x + static_cast<std::size_t>(r) * t.x_stride, *t.form, t.first_input);
  const std::byte* codes = t.step->codes + t.strip * kVectorBytes;
  const float* scales = t.step->scales + t.strip * kLanes;
  const float* minimums = t.step->minimums + t.strip * kLanes;
  for (std::size_t run = 0; run * Kind::kRun < t.inputs; ++run) {
    IVec sums[R][S];
    SKALD_UNROLL
    for (int r = 0; r < R; ++r) {
      const IVec begin = begin_dot<Kind::kZero>(rows[r].minus_sum(run));
      SKALD_UNROLL
      for (int s = 0; s < S; ++s) sums[r][s] = begin;
    }
    const std::size_t end = Kind::end(run, t.inputs);
    for (std::size_t piece = run * Kind::kRun; piece < end; piece += Kind::kPiece) {
      SKALD_UNROLL
      for (std::size_t i = 0; i < Kind::kPiece; i += 4, codes += kStrips * kVectorBytes) {
        Bytes w[S];
        SKALD_UNROLL
        for (int s = 0; s < S; ++s) w[s] = load_bytes(codes + static_cast<std::size_t>(s) * kVectorBytes);
        SKALD_UNROLL
        for (int r = 0; r < R; ++r) {
          const std::int32_t x = rows[r].four(piece + i);
          SKALD_UNROLL
          for (int s = 0; s < S; ++s) sums[r][s] = dot<Kind::kZero>(sums[r][s], w[s], x);
        }
      }
    }
    SKALD_UNROLL
    for (int r = 0; r < R; ++r) {
      const Vec x_scale = splat(rows[r].scale(run));
      SKALD_UNROLL
      for (int s = 0; s < S; ++s) {
        const std::size_t i = run * kPanel + static_cast<std::size_t>(s) * kLanes;
        acc[r][s] = add_run(sums[r][s], load(scales + i), x_scale, acc[r][s]);
        if constexpr (Kind::kMinimums) acc[r][s] = add_minimum(load(minimums + i), rows[r], run, acc[r][s]);
      }
    }
  }
  store_tile(t, acc);
}

using BlockTileFunction = void (*)(const BlockTile&);

template <class Kind, std::size_t... R>
constexpr std::array<BlockTileFunction, sizeof...(R)> make_block_tiles(std::index_sequence<R...>) {
  return {block_tile<Kind, R + 1, kByteStrips>...};
}
/// Tiles by their number of rows - 1.
template <class Kind>
inline constexpr auto kBlockTiles = make_block_tiles<Kind>(std::make_index_sequence<kByteRows>());

/// All rows of a block of x by the unpacked step of a panel, cut evenly into as few tiles as possible.
template <class Kind>
void multiply_step(BlockTile t, std::size_t m) {
  const std::size_t tiles = (m + kByteRows - 1) / kByteRows;
  const BlockTile step = t;
  for (std::size_t i = 0, row = 0; i < tiles; ++i) {
    const std::size_t end = m * (i + 1) / tiles;
    for (t.strip = 0; t.strip < kStrips && t.strip * kLanes < step.columns; t.strip += kByteStrips) {
      t.x = step.x + row * t.x_stride;
      t.y = step.y + row * t.y_stride + t.strip * kLanes;
      t.columns = step.columns - t.strip * kLanes;
      kBlockTiles<Kind>[end - row - 1](t);
    }
    row = end;
  }
}

/// Groups of a step. Long steps where x is tall: an accumulator goes through y between them. Short ones else, so that
/// memory and the sums take turns quickly.
template <const BlockLayout& L>
constexpr std::size_t step_groups(std::size_t m) {
  return (m > kFewRows ? kStepInputs : kStepInputs / 2) / L.group;
}

/// Unpacks a panel's step, from `group` on, for rows from `row` on, whose product looks for x at `x`. Codes of formats
/// without minimums are levels + kZero.
template <const BlockLayout& L, int kZero>
BlockTile unpack_step(const GemmCall& call, const BlockX& form, const std::byte* x, std::size_t row, std::size_t panel,
                      std::size_t group, UnpackedStep& step) {
  const std::size_t first = group * L.group;
  const std::size_t inputs = std::min(step_groups<L>(call.m) * L.group, form.inputs - first);
  unpack_groups<L, kZero>(call.w + panel * L.panel_bytes(call.k) + group * L.group_bytes(), inputs, step);
  return {.x = x,
          .x_stride = form.row_bytes(),
          .form = &form,
          .first_input = first,
          .inputs = inputs,
          .step = &step,
          .strip = 0,
          .y = call.y + row * call.y_stride + panel * kPanel,
          .y_stride = call.y_stride,
          .columns = call.n - panel * kPanel,
          .first = first == 0,
          .last = first + inputs == form.inputs};
}

template <const BlockLayout& L>
void block_gemm(const GemmCall& call, std::size_t panel_begin, std::size_t panel_end) {
  if (call.m <= kDirectPasses * kDirectRows) return direct_gemm<L>(call, panel_begin, panel_end);
  const BlockX form(call.k, L.x_block());
  const std::size_t rows_at_once = std::max<std::size_t>(kStepXBytes / form.row_bytes(), kByteRows);
  const std::size_t row_blocks = (call.m + rows_at_once - 1) / rows_at_once;
  panel_end = std::min(panel_end, (call.n + kPanel - 1) / kPanel);
  UnpackedStep step;
  for (std::size_t b = 0; b < row_blocks; ++b) {
    const std::size_t row = call.m * b / row_blocks;
    const std::size_t rows = call.m * (b + 1) / row_blocks - row;
    const std::byte* const x = call.packed_x + row * form.row_bytes();
    for (std::size_t panel = panel_begin; panel < panel_end; ++panel) {
      for (std::size_t group = 0; group < L.groups(call.k); group += step_groups<L>(call.m))
        multiply_step<KindOf<L>>(unpack_step<L, L.product_zero()>(call, form, x, row, panel, group, step), rows);
    }
  }
}

template <std::size_t kBlock>
std::size_t block_x_bytes(std::size_t m, std::size_t k) {
  return m * BlockX(k, kBlock).row_bytes();
}

/// Quantises one block of n <= kBlock inputs. Where one of them is NaN or infinite, 0 * x is not 0: the scale, and with
/// it every output, becomes a NaN.
template <std::size_t kBlock>
inline void pack_x_block(const float* x, std::size_t n, std::int8_t* q, float* scale, std::int32_t* minus_sums) {
  constexpr std::size_t kParts = kBlock / kLanes;
  Vec part[kParts];
  Vec largest_of_lanes = zero();
  Vec zeros = zero();
  SKALD_UNROLL
  for (std::size_t i = 0; i < kParts; ++i) {
    const std::size_t first = i * kLanes;
    part[i] = first + kLanes <= n ? load(x + first) : load_first(x + first, n > first ? n - first : 0);
    largest_of_lanes = max(abs(part[i]), largest_of_lanes);
    zeros = fma(part[i], zero(), zeros);
  }
  const float magnitude = largest(largest_of_lanes);
  const float finite = sum(zeros);  // 0, or a NaN
  const float inverse = finite == 0.0F && magnitude >= kLeastScaled ? 127.0F / magnitude : 0.0F;
  *scale = magnitude / 127.0F + finite;
  std::int32_t total = 0;
  SKALD_UNROLL
  for (std::size_t i = 0; i < kParts; ++i) {
    const IVec rounded = finite == 0.0F ? round(part[i] * splat(inverse)) : IVec{};
    store_as_bytes(rounded, q + i * kLanes);
    const std::int32_t part_sum = sum(rounded);
    if constexpr (kBlock == kChunk) minus_sums[i] = -part_sum;
    total += part_sum;
  }
  minus_sums[BlockX::sums_per_block(kBlock) - 1] = -total;
}

template <std::size_t kBlock>
void pack_block_x(const float* x, std::size_t x_stride, std::size_t k, std::size_t row_begin, std::size_t row_end,
                  std::size_t, std::byte* out) {
  const BlockX form(k, kBlock);
  for (std::size_t row = row_begin; row < row_end; ++row) {
    std::byte* to = out + row * form.row_bytes();
    auto* q = reinterpret_cast<std::int8_t*>(to);
    auto* scales = reinterpret_cast<float*>(to + form.scales_at());
    auto* sums = reinterpret_cast<std::int32_t*>(to + form.sums_at());
    for (std::size_t b = 0; b < form.blocks; ++b) {
      const std::size_t first = b * kBlock;
      pack_x_block<kBlock>(x + row * x_stride + first, std::min(kBlock, k - first), q + first, scales + b,
                           sums + b * BlockX::sums_per_block(kBlock));
    }
  }
}

constexpr XForm block_x_form(std::size_t block) {
  return block == 32 ? XForm::blocks_of_32 : block == 64 ? XForm::blocks_of_64 : XForm::blocks_of_256;
}

template <const BlockLayout& L>
inline constexpr GemmKernels kBlockGemm = {block_x_form(L.x_block()), block_x_bytes<L.x_block()>,
                                           pack_block_x<L.x_block()>, block_gemm<L>};

}  // namespace
}  // namespace skald::kernels::SKALD_ISA
