// Attention over bf16 keys and values on tile registers. Queries and weights are rounded to bf16 as where pairs are
// multiplied (pair_attention-inl.h); the blocks are B tiles as they lie (pack.h), two side by side:
//
//   scores [queries, 32 positions] += queries [queries, 32 dimensions] · K block [16 pairs of dimensions][32][2]
//   values [queries, 32 columns]   += weights [queries, 32 positions]  · V block [16 pairs of positions][columns][2]
//
// A group is 16 or 32 queries. It multiplies every block that one of them sees: a query's weights are 0 outside its own
// range, which adds +0 to sums that are never -0, and values that no query sees are zeros, so that a result does not
// depend on the other queries (as long as what they see is finite).

namespace skald::kernels::SKALD_ISA {
namespace {

inline constexpr std::size_t kQueryTiles = 16;  // of 32 dimensions each, packed at once: 16 KiB for 16 queries
inline constexpr std::size_t kCutBlocks = kCut / kBlock;
inline constexpr std::size_t kScoreStride = kCut * sizeof(float);
static_assert(kBlock == kTileK);

/// Raw scores [kCut] of a query to its weights, bf16 where they meet values on tiles; zeros outside its range.
inline void weigh(const CutKeys& keys, const CutQuery& query, float* scores) {
  const std::size_t begin = query.begin / kLanes * kLanes;
  const std::size_t end = std::max<std::size_t>(begin, (query.end + kLanes - 1) / kLanes * kLanes);
  for (std::size_t p = begin; p < end; p += kLanes) store(load(scores + p) * splat(keys.scale), scores + p);
  softmax_row<RoundedWeights>(keys, query, scores);
  if (keys.v_blocks == nullptr) return;
  std::byte* const weights = reinterpret_cast<std::byte*>(scores);
  std::memset(weights, 0, 2 * begin);
  std::memset(weights + 2 * end, 0, 2 * (kCut - end));
}

template <int kRowTiles, class Tiles>
class TileAttention {
 public:
  static constexpr std::size_t kQueries = kRowTiles * kTileRows;

  TileAttention(Tiles& tiles, const CutKeys& keys, std::span<const CutQuery> queries)
      : tiles_(tiles), keys_(keys), queries_(queries) {
    zero_sums();
    for (const CutQuery& query : queries) {
      for (std::size_t p = query.begin; p < query.end; p = (p / kBlock + 1) * kBlock) {
        seen_[p / kBlock] |= bits(p % kBlock, std::min<std::size_t>(query.end - p / kBlock * kBlock, kBlock));
      }
    }
  }

  void run() {
    for (std::size_t k = 0; k < keys_.k_dim; k += kQueryTiles * kTileK) {
      pack_queries(k);
      for (std::size_t block = 0; block < kCutBlocks; ++block) {
        if (seen_[block] != 0) score_block(block, k);
      }
    }
    for (std::size_t r = 0; r < queries_.size(); ++r) weigh(keys_, queries_[r], scores_[r]);
    if (keys_.v_blocks == nullptr) return;
    for (std::size_t column = 0; column < keys_.v_dim; column += 2 * kLanes) add_values(column);
  }

  [[nodiscard]] const float (*weights() const)[kCut] { return scores_; }

 private:
  /// Bits [begin, end) of 32.
  static std::uint32_t bits(std::size_t begin, std::size_t end) {
    return static_cast<std::uint32_t>((std::uint64_t{1} << end) - (std::uint64_t{1} << begin));
  }

  /// Dimensions from k on to A tiles, zeros beyond k_dim. Rows of queries that are missing stay as they are: what comes
  /// of them is never looked at.
  void pack_queries(std::size_t k) {
    tiles_k_ = std::min(kQueryTiles, ceil_div(keys_.k_dim - k, kTileK));
    for (std::size_t r = 0; r < queries_.size(); ++r) {
      for (std::size_t b = 0; b < tiles_k_; ++b) {
        std::byte* const to = packed_[r / kTileRows][b] + r % kTileRows * kTileRowBytes;
        const std::size_t dims = std::min(keys_.k_dim - k - b * kTileK, kTileK);
        if (dims < kTileK) std::memset(to, 0, kTileRowBytes);
        std::memcpy(to, queries_[r].q + (k + b * kTileK) / 2, 2 * dims);
      }
    }
  }

  /// Pairs of dimensions [pair, pair + 16) of a K block, with zeros beyond k_dim.
  const std::byte* key_tile(std::size_t block, std::size_t pair) {
    const std::byte* const from = keys_.k_blocks[block] + pair * kPanelRowBytes;
    const std::size_t pairs = ceil_div(keys_.k_dim, 2) - pair;
    if (pairs >= kTileRows) return from;
    std::memcpy(edge_, from, pairs * kPanelRowBytes);
    std::memset(edge_ + pairs * kPanelRowBytes, 0, (kTileRows - pairs) * kPanelRowBytes);
    return edge_;
  }

  void score_block(std::size_t block, std::size_t k) {
    float* const to = scores_[0] + block * kBlock;
    if (k > 0) load_sums(to);
    const std::byte* const* const next = keys_.v_blocks != nullptr ? keys_.v_blocks : keys_.next_k_blocks;
    for (std::size_t b = 0; b < tiles_k_; ++b) {
      const std::size_t pair = k / 2 + b * kTileRows;
      if (next != nullptr && next[block] != nullptr) ask_for(next[block] + pair * kPanelRowBytes);
      multiply({packed_[0][b], kTileRowBytes, kTileBytes * kQueryTiles}, key_tile(block, pair), kPanelRowBytes, true);
    }
    store_sums(to, kScoreStride);
  }

  /// Columns [column, column + 32) of a V block as a tile and its distance of rows, positions that nobody sees as
  /// zeros.
  std::pair<const std::byte*, std::size_t> value_tile(std::size_t block, std::size_t column) {
    const std::size_t stride = ceil_div(keys_.v_dim, kLanes) * kLanes * 4;
    const std::byte* const from = keys_.v_blocks[block] + column * 4;
    if (seen_[block] == ~std::uint32_t{0}) return {from, stride};
    const std::size_t width = std::min(stride - column * 4, kPanelRowBytes);
    for (std::size_t pair = 0; pair < kTileRows; ++pair) {
      const std::uint32_t of_pair = seen_[block] >> 2 * pair & 3U;
      const std::uint32_t mask = (of_pair & 1U) * 0xffffU | (of_pair >> 1U) * 0xffff0000U;
      for (std::size_t i = 0; i < width; i += 4) {
        std::uint32_t values;
        std::memcpy(&values, from + pair * stride + i, 4);
        values &= mask;
        std::memcpy(edge_ + pair * kPanelRowBytes + i, &values, 4);
      }
    }
    return {edge_, kPanelRowBytes};
  }

  void add_values(std::size_t column) {
    const bool right = column + kLanes < keys_.v_dim;
    for (std::size_t block = 0; block < kCutBlocks; ++block) {
      if (seen_[block] == 0) continue;
      const auto [values, stride] = value_tile(block, column);
      const std::byte* const next = keys_.next_k_blocks != nullptr ? keys_.next_k_blocks[block] : nullptr;
      if (next != nullptr) ask_for(next + column / 2 * kPanelRowBytes);
      const auto* const weights = reinterpret_cast<const std::byte*>(scores_) + 2 * block * kBlock;
      multiply({weights, kScoreStride, kTileRows * kScoreStride}, values, stride, right);
    }
    alignas(64) float sums[kQueries][2 * kLanes];
    store_sums(sums[0], sizeof(sums[0]));
    for (std::size_t r = 0; r < queries_.size(); ++r) {
      float* const to = queries_[r].partial + 2 + column;
      store_some(load(sums[r]), to, keys_.v_dim - column);
      if (right) store_some(load(sums[r] + kLanes), to + kLanes, keys_.v_dim - column - kLanes);
    }
  }

  /// Sixteen rows of a block that comes next: one group of few queries reads blocks faster than it multiplies.
  static void ask_for(const std::byte* tile) {
    for (std::size_t line = 0; kRowTiles == 1 && line < kPanelTileBytes; line += 64) __builtin_prefetch(tile + line);
  }

  /// A tiles of the group: rows `stride` bytes apart, the second one `next` bytes further.
  struct Left {
    const std::byte* p;
    std::size_t stride, next;
  };
  /// Sums 0 .. 3 [row tile][side] += left · two B tiles from `w` on, of which the right one may be padding.
  SKALD_INLINE void multiply(const Left& left, const std::byte* w, std::size_t stride, bool right) {
    tiles_.template load<4>(left.p, left.stride);
    tiles_.template load<6>(w, stride);
    tiles_.template multiply<0, 4, 6>();
    if constexpr (kRowTiles == 2) {
      tiles_.template load<5>(left.p + left.next, left.stride);
      tiles_.template multiply<2, 5, 6>();
    }
    tiles_.template drop<6>();
    if (right) {
      tiles_.template load<7>(w + kTileRowBytes, stride);
      tiles_.template multiply<1, 4, 7>();
      if constexpr (kRowTiles == 2) tiles_.template multiply<3, 5, 7>();
      tiles_.template drop<7>();
    }
    tiles_.template drop<4>();
    if constexpr (kRowTiles == 2) tiles_.template drop<5>();
  }
  void zero_sums() {
    tiles_.template zero<0>();
    tiles_.template zero<1>();
    tiles_.template zero<2>();
    tiles_.template zero<3>();
  }
  /// Sums from and to rows that are kCut floats, or `stride` bytes, apart; then they are zero again.
  void load_sums(const float* from) {
    tiles_.template load<0>(from, kScoreStride);
    tiles_.template load<1>(from + kLanes, kScoreStride);
    if constexpr (kRowTiles == 2) {
      tiles_.template load<2>(from + kTileRows * kCut, kScoreStride);
      tiles_.template load<3>(from + kTileRows * kCut + kLanes, kScoreStride);
    }
  }
  void store_sums(float* to, std::size_t stride) {
    tiles_.template store<0>(to, stride);
    tiles_.template store<1>(to + kLanes, stride);
    if constexpr (kRowTiles == 2) {
      float* const lower = to + kTileRows * stride / sizeof(float);
      tiles_.template store<2>(lower, stride);
      tiles_.template store<3>(lower + kLanes, stride);
    }
    zero_sums();
  }

  Tiles& tiles_;
  const CutKeys& keys_;
  std::span<const CutQuery> queries_;
  std::uint32_t seen_[kCutBlocks] = {};  // by some query: a bit a position
  std::size_t tiles_k_ = 0;              // that are packed
  alignas(64) float scores_[kQueries][kCut];
  alignas(64) std::byte packed_[kRowTiles][kQueryTiles][kTileBytes];
  alignas(64) std::byte edge_[kPanelTileBytes];
};

template <std::size_t... R>
constexpr auto make_latent(std::index_sequence<R...>) {
  using Function = void (*)(const CutKeys&, const CutQuery*, const float(*)[kCut]);
  return std::array<Function, sizeof...(R)>{latent_rows<Bf16Kv, R + 1>...};
}
inline constexpr auto kLatent = make_latent(std::make_index_sequence<kMaxRows>());

template <int kRowTiles, class Tiles>
void attend_group(Tiles& tiles, const CutKeys& keys, std::span<const CutQuery> queries) {
  TileAttention<kRowTiles, Tiles> attention(tiles, keys, queries);
  attention.run();
  for (std::size_t r = 0; keys.v_blocks == nullptr && r < queries.size(); r += kMaxRows) {
    const std::size_t rows = std::min<std::size_t>(kMaxRows, queries.size() - r);
    kLatent[rows - 1](keys, queries.data() + r, attention.weights() + r);
  }
}

template <class Tiles>
void attend_cut_on_tiles(const CutKeys& keys, std::span<const CutQuery> queries) {
  static constexpr TileConfig kConfig;
  Tiles tiles(kConfig);
  while (!queries.empty()) {
    const std::size_t n = std::min(queries.size(), 2 * kTileRows);
    const std::span<const CutQuery> group = queries.first(n);
    n > kTileRows ? attend_group<2>(tiles, keys, group) : attend_group<1>(tiles, keys, group);
    queries = queries.subspan(n);
  }
}

template <class Tiles>
inline constexpr KvKernels kTileKv = {bf16_k_block_bytes, bf16_v_block_bytes, store_bf16_k,
                                      store_bf16_v,       pack_query,         attend_cut_on_tiles<Tiles>};

}  // namespace
}  // namespace skald::kernels::SKALD_ISA
