// Attention of a few queries over one cut of keys: scores as in gemm-inl.h (a K block is a panel whose outputs are
// positions), softmax by rows, values by the same loop (a V block is a panel whose inputs are positions)
// or, where they are a part of the keys, by sums over positions.
//
// Work and memory of a group of R queries: each K and V block is read once for R queries, scores stay in L1. What a
// query gets depends on its own range only: positions outside it are masked before the softmax and never multiplied
// with values, since blocks hold stale or not yet written rows there.

namespace skald::kernels::SKALD_ISA {
namespace {

/// How stored keys and values are read. A row of a strip is one element of sixteen keys or values, or a pair of
/// elements that follow each other: dimensions of keys, positions of values.
struct Singles {
  static constexpr std::size_t kStep = 1;  // elements of a row
  static constexpr bool kRounds = false;   // queries and weights, to bf16
  using Row = Vec;
  static SKALD_INLINE const float* from(const float* x, std::size_t i) { return x + i; }
  static SKALD_INLINE Vec add(const float* x, std::size_t i, const Vec& row, const Vec& acc) {
    return fma(splat(x[i]), row, acc);
  }
  static SKALD_INLINE Vec element(const Vec& row, std::size_t) { return row; }
};
struct F32Kv : Singles {
  using Latent = F32Kv;  // reads values that are a part of the keys
  static constexpr std::size_t kStripBytes = kLanes * 4;
  static constexpr bool kScaled = false;
  static SKALD_INLINE Vec get(const std::byte* p) { return load(reinterpret_cast<const float*>(p)); }
};
struct Int8Kv : Singles {
  using Latent = Int8Kv;
  static constexpr std::size_t kStripBytes = kLanes;
  static constexpr bool kScaled = true;  // by the floats at the end of a block
  static SKALD_INLINE Vec get(const std::byte* p) { return load_signed_bytes(p); }
};
struct Bf16Kv {
  static constexpr std::size_t kStep = 2;
  static constexpr std::size_t kStripBytes = kLanes * 4;
  static constexpr bool kRounds = false;
  static constexpr bool kScaled = false;
  struct Row {
    Vec half[2];
  };
  using Latent = Bf16Kv;
  static SKALD_INLINE Row get(const std::byte* p) {
    Row row;
    load_bf16_pairs(p, row.half[0], row.half[1]);
    return row;
  }
  static SKALD_INLINE const float* from(const float* x, std::size_t i) { return x + i; }
  static SKALD_INLINE Vec add(const float* x, std::size_t i, const Row& row, const Vec& acc) {
    return fma(splat(x[i + 1]), row.half[1], fma(splat(x[i]), row.half[0], acc));
  }
  /// One element of the pair that begins at i: the other one of x or of the row may be anything.
  template <int kHalf>
  static SKALD_INLINE Vec add_half(const float* x, std::size_t i, const Row& row, const Vec& acc) {
    return fma(splat(x[i + kHalf]), row.half[kHalf], acc);
  }
  static SKALD_INLINE Vec element(const Row& row, std::size_t i) { return row.half[i % 2]; }
};

/// Strips of a block, one row after another. Blocks are short and lie anywhere, so that the hardware never learns what
/// comes next: for every line that is read another one, of `ahead`, is asked for.
template <class Kv, int S>
struct Strips {
  const std::byte* at[S];
  const std::byte* ahead[S];
  std::size_t stride;

  /// Strip s of `block` at byte `offset`; `next` is the block that is read after it, nullptr: none.
  SKALD_INLINE void set(int s, const std::byte* block, std::size_t offset, const std::byte* next) {
    at[s] = block + offset;
    ahead[s] = (next != nullptr ? next : block) + offset;
  }
  SKALD_INLINE void read(std::size_t offset, typename Kv::Row (&row)[S]) const {
    SKALD_UNROLL
    for (int s = 0; s < S; ++s) {
      if (s % 2 == 0 || Kv::kStripBytes == 64) __builtin_prefetch(ahead[s] + offset, 0, 3);
      row[s] = Kv::get(at[s] + offset);
    }
  }
};

/// Rows of scores or of weights: x[r] of those that accumulate_strips takes.
struct ScoreRows {
  const float* first;
  SKALD_INLINE const float* operator[](int r) const { return first + r * kCut; }
};

/// acc[r][s] = add_half<kHalf>(x[r], i, row s at `offset`, acc[r][s]).
template <class Kv, int kHalf, class X, int R, int S>
SKALD_INLINE void accumulate_half(const X& x, std::size_t i, const Strips<Kv, S>& strips, std::size_t offset,
                                  Vec (&acc)[R][S]) {
  typename Kv::Row row[S];
  strips.read(offset, row);
  SKALD_UNROLL
  for (int r = 0; r < R; ++r) {
    SKALD_UNROLL
    for (int s = 0; s < S; ++s) acc[r][s] = Kv::template add_half<kHalf>(x[r], i, row[s], acc[r][s]);
  }
}

/// acc[r][s] = x[r][i] * element i of strip s + acc[r][s] for i = begin .. end - 1.
template <class Kv, class X, int R, int S>
SKALD_INLINE void accumulate_strips(const X& x, const Strips<Kv, S>& strips, std::size_t begin, std::size_t end,
                                    Vec (&acc)[R][S]) {
  std::size_t i = begin;
  std::size_t offset = begin / Kv::kStep * strips.stride;
  if constexpr (Kv::kStep == 2) {
    if (i % 2 == 1 && i < end) {
      accumulate_half<Kv, 1>(x, i - 1, strips, offset, acc);
      ++i;
      offset += strips.stride;
    }
  }
  for (; i + Kv::kStep <= end; i += Kv::kStep, offset += strips.stride) {
    typename Kv::Row row[S];
    strips.read(offset, row);
    SKALD_UNROLL
    for (int r = 0; r < R; ++r) {
      SKALD_UNROLL
      for (int s = 0; s < S; ++s) acc[r][s] = Kv::add(x[r], i, row[s], acc[r][s]);
    }
  }
  if constexpr (Kv::kStep == 2) {
    if (i < end) accumulate_half<Kv, 0>(x, i, strips, offset, acc);
  }
}

/// Scales of the keys / values of sixteen positions from `p` on.
SKALD_INLINE Vec key_scales(const CutKeys& keys, std::size_t p) {
  const std::byte* const scales = keys.k_blocks[p / kBlock] + keys.k_dim * kBlock;
  return load(reinterpret_cast<const float*>(scales) + p % kBlock);
}
SKALD_INLINE Vec value_scales(const CutKeys& keys, std::size_t p) {
  if (keys.v_blocks == nullptr) return key_scales(keys, p);
  const std::byte* const scales = keys.v_blocks[p / kBlock] + kBlock * ((keys.v_dim + kLanes - 1) / kLanes * kLanes);
  return load(reinterpret_cast<const float*>(scales) + p % kBlock);
}

using Scores = float[kMaxRows][kCut];  // scaled scores, then exp(score - max)

/// Scores of S strips of positions: strip s covers [positions[s], positions[s] + kLanes).
template <class Kv, int R, int S>
void score_tile(const CutKeys& keys, const CutQuery* queries, const std::size_t* positions, Scores& scores) {
  const float* q[R];
  Strips<Kv, S> strips;
  Vec acc[R][S];
  const std::byte* const* const next = keys.v_blocks != nullptr ? keys.v_blocks : keys.next_k_blocks;
  strips.stride = kBlock / kLanes * Kv::kStripBytes;
  SKALD_UNROLL
  for (int s = 0; s < S; ++s) {
    const std::size_t block = positions[s] / kBlock;
    strips.set(s, keys.k_blocks[block], positions[s] % kBlock / kLanes * Kv::kStripBytes,
               next != nullptr ? next[block] : nullptr);
  }
  SKALD_UNROLL
  for (int r = 0; r < R; ++r) {
    q[r] = queries[r].q;
    SKALD_UNROLL
    for (int s = 0; s < S; ++s) acc[r][s] = zero();
  }
  accumulate_strips(q, strips, 0, keys.k_dim, acc);
  SKALD_UNROLL
  for (int r = 0; r < R; ++r) {
    SKALD_UNROLL
    for (int s = 0; s < S; ++s) {
      if constexpr (Kv::kScaled) acc[r][s] = acc[r][s] * key_scales(keys, positions[s]);
      store(acc[r][s] * splat(keys.scale), scores[r] + positions[s]);
    }
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

/// Soft caps and biases of the strips of a row from position `begin` on, in place.
inline void bias_scores(const CutKeys& keys, const CutQuery& query, std::size_t begin, float* scores) {
  alignas(64) static constexpr float kIota[kLanes] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  for (std::size_t p = begin; p < query.end; p += kLanes) {
    Vec s = load(scores + p);
    if (keys.softcap != 0.0F) s = splat(keys.softcap) * tanh(s / splat(keys.softcap));
    if (query.alibi_slope != 0.0F) {
      const auto start = static_cast<float>(static_cast<std::int64_t>(p) - query.distance);
      s = fma(splat(query.alibi_slope), load(kIota) + splat(start), s);
    }
    if (query.bias != nullptr) s = s + load(query.bias + p);
    store(s, scores + p);
  }
}

/// The strip of scores at `p`: -inf outside the query's range.
SKALD_INLINE void mask_strip(const CutQuery& query, std::size_t p, float* scores) {
  const auto begin = static_cast<std::ptrdiff_t>(query.begin) - static_cast<std::ptrdiff_t>(p);
  const auto end = static_cast<std::ptrdiff_t>(query.end) - static_cast<std::ptrdiff_t>(p);
  store(select(lanes(begin, end), load(scores + p), splat(-kInfinity)), scores + p);
}

/// scores → exp(score - max), times the values' scales, in place, and the maximum and the sum without them to the
/// query's partial. Infinite maxima: -inf is taken as 0 (every weight is 0), +inf gives NaN as torch's softmax does.
template <class Kv>
void softmax_row(const CutKeys& keys, const CutQuery& query, float* scores) {
  const std::size_t begin = query.begin / kLanes * kLanes;
  const std::size_t end = (query.end + kLanes - 1) / kLanes * kLanes;
  if (keys.softcap != 0.0F || query.alibi_slope != 0.0F || query.bias != nullptr) {
    bias_scores(keys, query, begin, scores);
  }
  if (begin < end) {  // only the first and the last strip can have positions outside
    mask_strip(query, begin, scores);
    mask_strip(query, end - kLanes, scores);
  }
  Vec most = splat(-kInfinity);
  for (std::size_t p = begin; p < end; p += kLanes) most = max(load(scores + p), most);
  const float m = largest(most);
  const Vec shift = splat(m == -kInfinity ? 0.0F : m);
  Vec total = zero();
  for (std::size_t p = begin; p < end; p += kLanes) {
    const Vec e = exp_of_negative(load(scores + p) - shift);
    if constexpr (Kv::kRounds) {
      if (keys.v_blocks != nullptr) {
        total = total + Kv::store_rounded(e, p, scores);
        continue;
      }
    }
    total = total + e;
    if constexpr (Kv::kScaled) {
      store(e * value_scales(keys, p), scores + p);
    } else {
      store(e, scores + p);
    }
  }
  query.partial[0] = m;
  query.partial[1] = sum(total);
}

/// Adds positions [begin, end) of S strips of values to R partials.
template <class Kv, int R, int S>
SKALD_INLINE void value_tile(const CutKeys& keys, const CutQuery* queries, const ScoreRows& scores,
                             const std::size_t (&range)[2], std::size_t column) {
  Strips<Kv, S> strips;
  strips.stride = (keys.v_dim + kLanes - 1) / kLanes * Kv::kStripBytes;
  Vec acc[R][S];
  SKALD_UNROLL
  for (int r = 0; r < R; ++r) {
    SKALD_UNROLL
    for (int s = 0; s < S; ++s) {
      const std::size_t at = column + s * kLanes;
      acc[r][s] = load_some(queries[r].partial + 2 + at, keys.v_dim - at);
    }
  }
  for (std::size_t block = range[0] / kBlock; block * kBlock < range[1]; ++block) {
    const std::size_t first = block * kBlock;
    const std::byte* const next = keys.next_k_blocks != nullptr ? keys.next_k_blocks[block] : nullptr;
    const ScoreRows x{Kv::from(scores.first, first)};
    SKALD_UNROLL
    for (int s = 0; s < S; ++s) {
      strips.set(s, keys.v_blocks[block], (column / kLanes + s) * Kv::kStripBytes, next);
    }
    accumulate_strips(x, strips, std::max(range[0], first) - first, std::min(range[1] - first, kBlock), acc);
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

/// The columns from `column` on in tiles of S strips, the rest in narrower ones.
template <class Kv, int R, int S>
SKALD_INLINE void value_columns(const CutKeys& keys, const CutQuery* queries, const ScoreRows& scores,
                                const std::size_t (&range)[2], std::size_t column) {
  for (; column + (S - 1) * kLanes < keys.v_dim; column += S * kLanes) {
    value_tile<Kv, R, S>(keys, queries, scores, range, column);
  }
  if constexpr (S > 1) value_columns<Kv, R, S / 2>(keys, queries, scores, range, column);
}

/// Adds positions [begin, end), common to R queries, to their partials.
template <class Kv, int R>
void value_rows(const CutKeys& keys, const CutQuery* queries, const float (*scores)[kCut], std::size_t begin,
                std::size_t end) {
  if (begin >= end) return;
  const std::size_t range[2] = {begin, end};
  value_columns<Kv, R, wide_strips(R)>(keys, queries, {scores[0]}, range, 0);
}

/// Strips of the cut that R queries meet, as positions: of [first, last), those in [whole_first, whole_last) lie inside
/// every range.
struct StripRange {
  std::size_t first, last, whole_first, whole_last;
};

/// Adds the lanes of a strip of positions from `p` on that lie in a query's range; the others keep what they have.
template <class Kv, int R, int D>
SKALD_INLINE void add_edge(const CutQuery* queries, const float (*scores)[kCut], std::size_t p, const Vec (&values)[D],
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
SKALD_INLINE void latent_tile(const CutKeys& keys, const CutQuery* queries, const float (*scores)[kCut],
                              const StripRange& strips, std::size_t element, Vec (*totals)[kLanes]) {
  Vec acc[R][D];
  std::size_t row[D];  // past the last element: the last one again, whose sums nobody reads
  SKALD_UNROLL
  for (int d = 0; d < D; ++d) {
    row[d] = std::min(element + d, keys.v_dim - 1) / Kv::kStep * (kBlock / kLanes * Kv::kStripBytes);
  }
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
    const std::byte* const block = keys.k_blocks[p / kBlock] + p % kBlock / kLanes * Kv::kStripBytes;
    Vec values[D];
    SKALD_UNROLL
    for (int d = 0; d < D; ++d) values[d] = Kv::element(Kv::get(block + row[d]), D % 2 == 0 ? d : element + d);
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
void latent_rows(const CutKeys& keys, const CutQuery* queries, const float (*scores)[kCut]) {
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
  for (int r = 0; r < R; ++r) softmax_row<Kv>(keys, queries[r], scores[r]);
  if (keys.v_blocks == nullptr) return latent_rows<typename Kv::Latent, R>(keys, queries, scores);
  std::size_t begin = 0;
  std::size_t end = kCut;
  for (int r = 0; r < R; ++r) {
    std::memset(queries[r].partial + 2, 0, keys.v_dim * sizeof(float));
    begin = std::max<std::size_t>(begin, queries[r].begin);
    end = std::min<std::size_t>(end, queries[r].end);
  }
  begin = (begin + Kv::kStep - 1) / Kv::kStep * Kv::kStep;  // a pair of positions is never added in halves
  end = end / Kv::kStep * Kv::kStep;
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
  for (std::size_t i = 0; i < v_dim; i += kLanes) {
    store_some(load_some(state + 2 + i, v_dim - i) / splat(denominator), out + i, v_dim - i);
  }
}

}  // namespace
}  // namespace skald::kernels::SKALD_ISA
