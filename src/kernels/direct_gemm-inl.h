// y = x · Wᵀ for weights in blocks and few rows of x: codes go from the panel through registers into the products of
// all rows, with no copy in memory. The bits of block_gemm-inl.h: the sum of a run is exact in 32 bits.
//
// More than kDirectRows rows take a panel in passes; memory delivers it in the first one.
//
// Tried on 2 Zen 5 cores, 2048 inputs, weights from memory, beside unpacking to L1 for these rows too (GB/s as a share
// of what the same threads read). 1 row: Q4_0 0.99 (0.91), int4 0.96 (0.79), Q8_0 0.97 (0.74), int8 0.91 (0.72),
// Q4_K 1.0 (0.67), Q6_K 0.91 (0.72); from L2 Q4_0 3 times, Q4_K 2.9 times as fast. GOPS of 8 rows: Q4_0 875 (630), int4
// 740 (510); of 16 rows: Q4_0 1000 (720), int4 960 (680), Q8_0 790 (620); of 64 rows: no better. All prefetches of a
// block at once: int8 0.86. Asking 4 or 16 KiB ahead: no difference. Several panels at once: no difference. One pass of
// 12 rows instead of two of 6: within noise, twice the code. Without VNNI the products of signed bytes cost more than
// the copy saves: beyond 4 rows, on AVX2 beyond 1, it loses up to a third.

namespace skald::kernels::SKALD_ISA {
namespace {

/// A panel by few rows of x.
struct DirectPanel {
  const std::byte* x;  // [R] packed rows, x_stride apart
  std::size_t x_stride;
  const BlockX* form;
  const std::byte* w;
  float* y;  // [R, columns], rows y_stride apart
  std::size_t y_stride;
  std::size_t columns;  // outputs from y on that exist
};

/// A group of a panel on its way through registers.
template <const BlockLayout& L>
struct DirectGroup {
  const std::byte* p;
  const Codebook<L, L.product_zero()>& book;
  const GroupScales<L>& scales;
  const GroupScales<L>& minimums;
  std::size_t piece;   // of kPiece inputs
  std::size_t pieces;  // of the whole group
};

/// Inputs that are taken at once, of one run or of several.
template <const BlockLayout& L>
inline constexpr std::size_t kPiece = std::min(L.x_block(), kMostPiece);

/// sums[r][s] += the products of four inputs: number kFour of the group's piece.
template <const BlockLayout& L, std::size_t kFour, int R>
SKALD_INLINE void direct_four(const DirectGroup<L>& group, const BlockRow<KindOf<L>> (&rows)[R],
                              IVec (&sums)[R][kStrips]) {
  constexpr std::size_t kInput = 4 * kFour;
  constexpr std::size_t kVector = kFour % (kChunk / 4) * kStrips;
  constexpr std::size_t kFours = kPiece<L> / 4;
  constexpr std::size_t kBytes = L.group_bytes() / (L.group / kPiece<L>);
  constexpr std::size_t kLines = (kBytes + 63) / 64;
  const std::byte* const ahead = group.p + group.piece * kBytes + kBlocksAhead;
  SKALD_UNROLL
  for (std::size_t line = kFour * kLines / kFours; line < (kFour + 1) * kLines / kFours; ++line)
    __builtin_prefetch(ahead + line * 64);
  const std::size_t number = group.piece * (kPiece<L> / kChunk) + kInput / kChunk;
  const std::byte* const chunk = group.p + L.chunks_at() + number * L.chunk_bytes();
  const Choices choices = Choices::of_chunk<L>(chunk);
  const Bytes w[kStrips] = {unpack_vector<L, L.product_zero(), kVector>(chunk, group.book, choices),
                            unpack_vector<L, L.product_zero(), kVector + 1>(chunk, group.book, choices)};
  SKALD_UNROLL
  for (int r = 0; r < R; ++r) {
    const std::int32_t x = rows[r].four(group.piece * kPiece<L> + kInput);
    SKALD_UNROLL
    for (std::size_t s = 0; s < kStrips; ++s) sums[r][s] = dot<L.product_zero()>(sums[r][s], w[s], x);
  }
}

/// The products of a part of a run: fours from kFirst on. Sums of one row take turns, so that none waits for the last.
template <const BlockLayout& L, std::size_t kFirst, int R, std::size_t... I>
SKALD_INLINE void direct_fours(const DirectGroup<L>& group, const BlockRow<KindOf<L>> (&rows)[R],
                               IVec (&sums)[R][kStrips], IVec (&others)[R][kStrips], std::index_sequence<I...>) {
  (direct_four<L, kFirst + I>(group, rows, R == 1 && I % 2 == 1 ? others : sums), ...);
}

/// acc += the products of a run: number kRun of the group's piece, or the one that begins with it.
template <const BlockLayout& L, std::size_t kRun, int R>
SKALD_INLINE void direct_run(const DirectGroup<L>& group, const BlockRow<KindOf<L>> (&rows)[R],
                             Vec (&acc)[R][kStrips]) {
  const std::size_t run = group.piece * kPiece<L> / L.run + kRun;
  IVec sums[R][kStrips];
  IVec others[R][kStrips];
  SKALD_UNROLL
  for (int r = 0; r < R; ++r) {
    const IVec begin = begin_dot<L.product_zero()>(rows[r].minus_sum(run));
    SKALD_UNROLL
    for (std::size_t s = 0; s < kStrips; ++s) {
      sums[r][s] = begin;
      others[r][s] = begin_dot<0>(0);
    }
  }
  if constexpr (L.run <= kPiece<L>) {
    direct_fours<L, kRun * L.run / 4>(group, rows, sums, others, std::make_index_sequence<L.run / 4>());
  } else {
    DirectGroup<L> part = group;
    const std::size_t end = std::min(group.piece + L.run / kPiece<L>, group.pieces);
    for (; part.piece < end; ++part.piece)
      direct_fours<L, 0>(part, rows, sums, others, std::make_index_sequence<kPiece<L> / 4>());
  }
  SKALD_UNROLL
  for (std::size_t s = 0; s < kStrips; ++s) {
    const Vec scale = group.scales.of(run, s);
    SKALD_UNROLL
    for (int r = 0; r < R; ++r) {
      const IVec sum = R == 1 ? sums[r][s] + others[r][s] : sums[r][s];
      acc[r][s] = add_run(sum, scale, splat(rows[r].scale(run)), acc[r][s]);
      if constexpr (L.minimums) acc[r][s] = add_minimum(group.minimums.of(run, s), rows[r], run, acc[r][s]);
    }
  }
}

template <const BlockLayout& L, int R, std::size_t... J>
SKALD_INLINE void direct_block(const DirectGroup<L>& group, const BlockRow<KindOf<L>> (&rows)[R],
                               Vec (&acc)[R][kStrips], std::index_sequence<J...>) {
  (direct_run<L, J>(group, rows, acc), ...);
}

template <const BlockLayout& L, int R>
void direct_panel(const DirectPanel& panel) {
  constexpr std::size_t kBlock = L.x_block();
  const Codebook<L, L.product_zero()> book;
  Vec acc[R][kStrips];
  BlockRow<KindOf<L>> rows[R];
  SKALD_UNROLL
  for (int r = 0; r < R; ++r) {
    rows[r] = BlockRow<KindOf<L>>(panel.x + static_cast<std::size_t>(r) * panel.x_stride, *panel.form, 0);
    SKALD_UNROLL
    for (std::size_t s = 0; s < kStrips; ++s) acc[r][s] = zero();
  }
  const std::byte* p = panel.w;
  for (std::size_t done = 0; done < panel.form->inputs; done += L.group, p += L.group_bytes()) {
    const GroupScales<L> scales(p);
    const GroupScales<L> minimums(p + (L.minimums ? L.scale_bytes() : 0));
    const std::size_t pieces = std::min(L.group, panel.form->inputs - done) / kPiece<L>;
    for (std::size_t piece = 0; piece < pieces; piece += kBlock / kPiece<L>)
      direct_block<L, R>({p, book, scales, minimums, piece, pieces}, rows, acc,
                         std::make_index_sequence<kBlock / L.run>());
    for (int r = 0; r < R; ++r) rows[r].skip(L.group);
  }
  store_tile(panel, acc);
}

template <const BlockLayout& L, std::size_t... R>
constexpr std::array<void (*)(const DirectPanel&), sizeof...(R)> make_direct_panels(std::index_sequence<R...>) {
  return {direct_panel<L, R + 1>...};
}

/// The product of at most kDirectRows rows.
template <const BlockLayout& L>
void direct_gemm(const GemmCall& call, std::size_t panel_begin, std::size_t panel_end) {
  static constexpr auto kPanels = make_direct_panels<L>(std::make_index_sequence<kDirectRows>());
  const BlockX form(call.k, L.x_block());
  const std::size_t panel_bytes = L.panel_bytes(call.k);
  panel_end = std::min(panel_end, (call.n + kPanel - 1) / kPanel);
  const std::size_t passes = (call.m + kDirectRows - 1) / kDirectRows;
  for (std::size_t panel = panel_begin; panel < panel_end; ++panel) {
    for (std::size_t pass = 0, row = 0; pass < passes; ++pass) {
      const std::size_t end = call.m * (pass + 1) / passes;
      kPanels[end - row - 1]({.x = call.packed_x + row * form.row_bytes(),
                              .x_stride = form.row_bytes(),
                              .form = &form,
                              .w = call.w + panel * panel_bytes,
                              .y = call.y + row * call.y_stride + panel * kPanel,
                              .y_stride = call.y_stride,
                              .columns = call.n - panel * kPanel});
      row = end;
    }
  }
}

}  // namespace
}  // namespace skald::kernels::SKALD_ISA
