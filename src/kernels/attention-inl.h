// Attention of a few queries over one cut of keys: scores by the tile loop of gemm-inl.h (a K block is a panel whose
// outputs are positions), softmax by rows, values by the same loop (a V block is a panel whose inputs are positions)
// or, where they are a part of the keys, by sums over positions.
//
// Work and memory of a group of R queries: each K and V block is read once for R queries, scores stay in L1. What a
// query gets depends on its own range only: positions outside it are masked before the softmax and never multiplied
// with values, since blocks hold stale or not yet written rows there.

namespace skald::kernels::SKALD_ISA {
namespace {

/// How stored keys and values are read: one k, or one position, at a time.
struct F32Kv {
  static constexpr std::size_t kStep = 1;
  static constexpr std::size_t kBytes = 4;
  static constexpr bool kPrefetch = false;  // blocks are short and lie anywhere
  static SKALD_INLINE void load_step(const std::byte* p, Vec (&w)[1]) {
    w[0] = load(reinterpret_cast<const float*>(p));
  }
};
struct Bf16Kv {
  static constexpr std::size_t kStep = 1;
  static constexpr std::size_t kBytes = 2;
  static constexpr bool kPrefetch = false;  // blocks are short and lie anywhere
  static SKALD_INLINE void load_step(const std::byte* p, Vec (&w)[1]) { w[0] = load_bf16(p); }
};

inline constexpr std::size_t kNoPrefetch[2] = {};

using Scores = float[kMaxRows][kCut];  // scaled scores, then exp(score - max)

/// Scores of S strips of positions: strip s covers [positions[s], positions[s] + kLanes).
template <class Kv, int R, int S>
void score_tile(const CutKeys& keys, const CutQuery* queries, const std::size_t* positions, Scores& scores) {
  const float* q[R];
  const std::byte* w[S];
  Vec acc[R][S];
  SKALD_UNROLL
  for (int s = 0; s < S; ++s) {
    w[s] = keys.k_blocks[positions[s] / kBlock] + positions[s] % kBlock * Kv::kBytes;
  }
  SKALD_UNROLL
  for (int r = 0; r < R; ++r) {
    q[r] = queries[r].q;
    SKALD_UNROLL
    for (int s = 0; s < S; ++s) acc[r][s] = zero();
  }
  accumulate<Kv, R, S>(q, w, kBlock * Kv::kBytes, keys.k_dim, kNoPrefetch, acc);
  SKALD_UNROLL
  for (int r = 0; r < R; ++r) {
    SKALD_UNROLL
    for (int s = 0; s < S; ++s) store(acc[r][s] * splat(keys.scale), scores[r] + positions[s]);
  }
}

/// Raw scores of R queries over every block that one of their ranges meets.
template <class Kv, int R>
void score_rows(const CutKeys& keys, const CutQuery* queries, Scores& scores) {
  constexpr int kWide = wide_strips(R);
  std::size_t positions[kCut / kLanes];
  int n = 0;
  for (std::size_t block = 0; block < kCut; block += kBlock) {
    bool met = false;
    for (int r = 0; r < R; ++r) met = met || (queries[r].begin < block + kBlock && block < queries[r].end);
    for (std::size_t p = block; met && p < block + kBlock; p += kLanes) positions[n++] = p;
  }
  int i = 0;
  for (; i + kWide <= n; i += kWide) score_tile<Kv, R, kWide>(keys, queries, positions + i, scores);
  for (; i < n; i += kNarrow) score_tile<Kv, R, kNarrow>(keys, queries, positions + i, scores);
}

/// Soft-capped and biased scores of sixteen positions from `p` on; -inf outside the query's range.
SKALD_INLINE Vec biased_scores(const CutKeys& keys, const CutQuery& query, std::size_t p, Vec s) {
  if (keys.softcap != 0.0F) s = splat(keys.softcap) * tanh(s / splat(keys.softcap));
  if (query.alibi_slope != 0.0F) {
    alignas(64) static constexpr float kIota[kLanes] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    const auto start = static_cast<float>(static_cast<std::int64_t>(p) - query.distance);
    s = fma(splat(query.alibi_slope), load(kIota) + splat(start), s);
  }
  if (query.bias != nullptr) s = s + load(query.bias + p);
  const auto begin = static_cast<std::ptrdiff_t>(query.begin) - static_cast<std::ptrdiff_t>(p);
  const auto end = static_cast<std::ptrdiff_t>(query.end) - static_cast<std::ptrdiff_t>(p);
  return select(lanes(begin, end), s, splat(-kInfinity));
}

/// scores → exp(score - max) in place, and the maximum and sum to the query's partial. Infinite maxima: -inf is taken
/// as 0 (every weight is 0), +inf gives NaN as torch's softmax does.
inline void softmax_row(const CutKeys& keys, const CutQuery& query, float* scores) {
  const std::size_t begin = query.begin / kLanes * kLanes;
  Vec most = splat(-kInfinity);
  for (std::size_t p = begin; p < query.end; p += kLanes) {
    const Vec s = biased_scores(keys, query, p, load(scores + p));
    store(s, scores + p);
    most = max(s, most);
  }
  const float m = largest(most);
  const Vec shift = splat(m == -kInfinity ? 0.0F : m);
  Vec total = zero();
  for (std::size_t p = begin; p < query.end; p += kLanes) {
    const Vec e = exp(load(scores + p) - shift);
    store(e, scores + p);
    total = total + e;
  }
  query.partial[0] = m;
  query.partial[1] = sum(total);
}

/// Adds positions [begin, end) of S strips of values to R partials.
template <class Kv, int R, int S>
SKALD_INLINE void value_tile(const CutKeys& keys, const CutQuery* queries, const float* const (&scores)[R],
                             const std::size_t (&range)[2], std::size_t column) {
  const std::size_t stride = (keys.v_dim + kLanes - 1) / kLanes * kLanes * Kv::kBytes;
  Vec acc[R][S];
  SKALD_UNROLL
  for (int r = 0; r < R; ++r) {
    SKALD_UNROLL
    for (int s = 0; s < S; ++s) {
      const std::size_t at = column + s * kLanes;
      acc[r][s] = load_some(queries[r].partial + 2 + at, keys.v_dim - at);
    }
  }
  for (std::size_t position = range[0]; position < range[1];) {
    const std::size_t n = std::min(range[1] - position, kBlock - position % kBlock);
    const float* x[R];
    const std::byte* w[S];
    SKALD_UNROLL
    for (int r = 0; r < R; ++r) x[r] = scores[r] + position;
    SKALD_UNROLL
    for (int s = 0; s < S; ++s) {
      w[s] = keys.v_blocks[position / kBlock] + position % kBlock * stride + (column + s * kLanes) * Kv::kBytes;
    }
    accumulate<Kv, R, S>(x, w, stride, n, kNoPrefetch, acc);
    position += n;
  }
  SKALD_UNROLL
  for (int r = 0; r < R; ++r) {
    SKALD_UNROLL
    for (int s = 0; s < S; ++s) {
      const std::size_t at = column + s * kLanes;
      store_some(acc[r][s], queries[r].partial + 2 + at, keys.v_dim - at);
    }
  }
}

/// Adds positions [begin, end), common to R queries, to their partials.
template <class Kv, int R>
void value_rows(const CutKeys& keys, const CutQuery* queries, const float (*scores)[kCut], std::size_t begin,
                std::size_t end) {
  if (begin >= end) return;
  constexpr int kWide = wide_strips(R);
  const std::size_t range[2] = {begin, end};
  const float* x[R];
  for (int r = 0; r < R; ++r) x[r] = scores[r];
  std::size_t column = 0;
  for (; column + (kWide - 1) * kLanes < keys.v_dim; column += kWide * kLanes) {
    value_tile<Kv, R, kWide>(keys, queries, x, range, column);
  }
  for (; column < keys.v_dim; column += kLanes) value_tile<Kv, R, 1>(keys, queries, x, range, column);
}

/// Strips of the cut that R queries meet, as positions: of [first, last), those in [whole_first, whole_last) lie inside
/// every range.
struct StripRange {
  std::size_t first, last, whole_first, whole_last;
};

/// Adds the lanes of a strip of positions from `p` on that lie in a query's range; the others keep what they have.
template <class Kv, int R, int D>
SKALD_INLINE void add_edge(const CutQuery* queries, const Scores& scores, std::size_t p, const Vec (&values)[D],
                           Vec (&acc)[R][D]) {
  SKALD_UNROLL
  for (int r = 0; r < R; ++r) {
    const auto at = static_cast<std::ptrdiff_t>(p);
    const Mask inside =
        lanes(static_cast<std::ptrdiff_t>(queries[r].begin) - at, static_cast<std::ptrdiff_t>(queries[r].end) - at);
    const Vec weights = load(scores[r] + p);
    SKALD_UNROLL
    for (int d = 0; d < D; ++d) acc[r][d] = select(inside, fma(weights, values[d], acc[r][d]), acc[r][d]);
  }
}

/// Lane-wise products of R queries' weights with elements [element, element + D) of the keys, not yet summed over
/// lanes: totals [R, kLanes elements], of which D are written.
template <class Kv, int R, int D>
SKALD_INLINE void latent_tile(const CutKeys& keys, const CutQuery* queries, const Scores& scores,
                              const StripRange& strips, std::size_t element, Vec (*totals)[kLanes]) {
  Vec acc[R][D];
  std::size_t row[D];  // past the last element: the last one again, whose sums nobody reads
  SKALD_UNROLL
  for (int d = 0; d < D; ++d) row[d] = std::min(element + d, keys.v_dim - 1) * kBlock * Kv::kBytes;
  SKALD_UNROLL
  for (int r = 0; r < R; ++r) {
    SKALD_UNROLL
    for (int d = 0; d < D; ++d) acc[r][d] = zero();
  }
  for (std::size_t p = strips.first; p < strips.last; p += kLanes) {
    const bool whole = p >= strips.whole_first && p < strips.whole_last;
    bool met = whole;
    for (int r = 0; !met && r < R; ++r) met = queries[r].begin < p + kLanes && p < queries[r].end;
    if (!met) continue;
    const std::byte* const block = keys.k_blocks[p / kBlock] + p % kBlock * Kv::kBytes;
    Vec values[D];
    SKALD_UNROLL
    for (int d = 0; d < D; ++d) {
      Vec step[1];
      Kv::load_step(block + row[d], step);
      values[d] = step[0];
    }
    if (!whole) {
      add_edge<Kv, R, D>(queries, scores, p, values, acc);
      continue;
    }
    SKALD_UNROLL
    for (int r = 0; r < R; ++r) {
      const Vec weights = load(scores[r] + p);
      SKALD_UNROLL
      for (int d = 0; d < D; ++d) acc[r][d] = fma(weights, values[d], acc[r][d]);
    }
  }
  SKALD_UNROLL
  for (int r = 0; r < R; ++r) {
    SKALD_UNROLL
    for (int d = 0; d < D; ++d) totals[r][element % kLanes + d] = acc[r][d];
  }
}

/// Values that are the first v_dim elements of the keys. Positions run along the vector here, so every element is a
/// sum over lanes: one tree for each element and cut, sixteen elements at a time.
template <class Kv, int R>
void latent_rows(const CutKeys& keys, const CutQuery* queries, const Scores& scores) {
  constexpr int kWide = wide_strips(R);
  StripRange strips{.first = kCut, .last = 0, .whole_first = 0, .whole_last = kCut};
  for (int r = 0; r < R; ++r) {
    if (queries[r].begin < queries[r].end) {
      strips.first = std::min<std::size_t>(strips.first, queries[r].begin / kLanes * kLanes);
      strips.last = std::max<std::size_t>(strips.last, queries[r].end);
    }
    strips.whole_first = std::max<std::size_t>(strips.whole_first, (queries[r].begin + kLanes - 1) / kLanes * kLanes);
    strips.whole_last = std::min<std::size_t>(strips.whole_last, queries[r].end / kLanes * kLanes);
  }
  Vec totals[R][kLanes];
  for (std::size_t element = 0; element < keys.v_dim; element += kLanes) {
    for (int d = 0; d < kLanes; d += kWide) {
      latent_tile<Kv, R, kWide>(keys, queries, scores, strips, element + d, totals);
    }
    for (int r = 0; r < R; ++r) store_some(sums(totals[r]), queries[r].partial + 2 + element, keys.v_dim - element);
  }
}

/// R queries over one cut. What their ranges share is done together; what each has before and after it, alone.
template <class Kv, int R>
void attend_rows(const CutKeys& keys, const CutQuery* queries) {
  alignas(64) Scores scores;
  score_rows<Kv, R>(keys, queries, scores);
  for (int r = 0; r < R; ++r) softmax_row(keys, queries[r], scores[r]);
  if (keys.v_blocks == nullptr) return latent_rows<Kv, R>(keys, queries, scores);
  std::size_t begin = 0;
  std::size_t end = kCut;
  for (int r = 0; r < R; ++r) {
    std::memset(queries[r].partial + 2, 0, keys.v_dim * sizeof(float));
    begin = std::max<std::size_t>(begin, queries[r].begin);
    end = std::min<std::size_t>(end, queries[r].end);
  }
  if (begin >= end) begin = end = 0;  // nothing is shared
  for (int r = 0; r < R; ++r) {
    const std::size_t stop = begin == end ? queries[r].end : begin;
    value_rows<Kv, 1>(keys, queries + r, scores + r, queries[r].begin, stop);
  }
  if (begin == end) return;
  value_rows<Kv, R>(keys, queries, scores, begin, end);
  for (int r = 0; r < R; ++r) value_rows<Kv, 1>(keys, queries + r, scores + r, end, queries[r].end);
}

using AttendFunction = void (*)(const CutKeys&, const CutQuery*);
template <class Kv, std::size_t... R>
constexpr std::array<AttendFunction, sizeof...(R)> make_attend(std::index_sequence<R...>) {
  return {attend_rows<Kv, R + 1>...};
}
template <class Kv>
inline constexpr auto kAttend = make_attend<Kv>(std::make_index_sequence<kMaxRows>());

template <class Kv>
void attend_cut(const CutKeys& keys, std::span<const CutQuery> queries) {
  const std::size_t groups = (queries.size() + kMaxRows - 1) / kMaxRows;
  for (std::size_t g = 0; g < groups; ++g) {
    const std::size_t begin = queries.size() * g / groups;
    const std::size_t end = queries.size() * (g + 1) / groups;
    kAttend<Kv>[end - begin - 1](keys, queries.data() + begin);
  }
}

/// y = x * factor, or y + x * factor, over n floats.
inline void add_scaled(const float* x, float factor, std::size_t n, float* y, float y_factor) {
  std::size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    store(fma(load(x + i), splat(factor), load(y + i) * splat(y_factor)), y + i);
  }
  if (i < n) {
    store_first(fma(load_first(x + i, n - i), splat(factor), load_first(y + i, n - i) * splat(y_factor)), y + i, n - i);
  }
}

inline void merge_partial(const float* partial, std::size_t v_dim, float* state) {
  if (partial[1] == 0.0F) return;  // an empty range, or scores of -inf alone
  const float m = first(max(splat(partial[0]), splat(state[0])));
  const float shift = m == -kInfinity ? 0.0F : m;
  const float keep = first(exp(splat(state[0] - shift)));
  const float take = first(exp(splat(partial[0] - shift)));
  state[0] = m;
  add_scaled(partial + 1, take, v_dim + 1, state + 1, keep);
}

inline void finish_attention(const float* state, std::size_t v_dim, float sink, float* out) {
  const float denominator = state[1] + (sink == -kInfinity ? 0.0F : first(exp(splat(sink - state[0]))));
  for (std::size_t i = 0; i < v_dim; ++i) out[i] = state[2 + i] / denominator;
}

}  // namespace
}  // namespace skald::kernels::SKALD_ISA
