// What products with weights in blocks (block_layout.h) read: codes, scales and minimums of a panel, and rows of
// activations in blocks (block_x.h).

namespace skald::kernels::SKALD_ISA {
namespace {

inline constexpr std::size_t kStrips = kPanel / kLanes;
inline constexpr std::size_t kBlocksAhead = 8192;  // bytes of weights asked for before they are read

/// The codes of vector `v` of a chunk, from one plane of kBits.
template <int kBits, int kTo, std::size_t kVector>
SKALD_INLINE Bytes plane_field(const std::byte* plane) {
  constexpr std::size_t kPerLine = 8 / kBits;
  const std::byte* const at = plane + kVector / kPerLine * kVectorBytes;
  const Bytes line = load_bytes(at);
  if constexpr (kBits == 8) return line;
  return field<kVector % kPerLine * kBits, kBits, kTo>(line);
}

/// The levels of a codebook plus kZero, ready to be looked up.
template <const BlockLayout& L, int kZero>
struct Codebook {
  static constexpr auto kLevels = [] {
    std::array<std::uint8_t, L.codebook.size()> levels = {};
    for (std::size_t i = 0; i < levels.size(); ++i) levels[i] = static_cast<std::uint8_t>(L.codebook[i] + kZero);
    return levels;
  }();
  std::conditional_t<L.tables, Lookup128, Lookup> levels;

  SKALD_INLINE Codebook() : levels(load_lookup<decltype(levels)>(kLevels.data())) {}
};

/// The choices that a chunk's inputs made, those of an output in each of its bytes: four bits for each eight inputs.
struct Choices {
  Bytes first[kStrips];  // of the first sixteen inputs
  Bytes last[kStrips];

  template <const BlockLayout& L>
  SKALD_INLINE static Choices of_chunk(const std::byte* chunk) {
    Choices choices = {};
    if constexpr (L.tables) {
      SKALD_UNROLL
      for (std::size_t s = 0; s < kStrips; ++s) {
        choices.first[s] = spread_bytes<0>(chunk + s * kLanes * 2);
        choices.last[s] = spread_bytes<1>(chunk + s * kLanes * 2);
      }
    }
    return choices;
  }
};

/// Levels + kZero, or with minimums the codes.
template <const BlockLayout& L, int kZero, std::size_t kVector>
SKALD_INLINE Bytes unpack_vector(const std::byte* chunk, const Codebook<L, kZero>& book, const Choices& choices) {
  const std::byte* const low = chunk + L.table_bytes();
  Bytes codes = plane_field<L.planes[0], 0, kVector>(low);
  if constexpr (L.planes[1] > 0) {
    const std::byte* const high = low + kChunkVectors * kVectorBytes * L.planes[0] / 8;
    codes = codes | plane_field<L.planes[1], L.planes[0], kVector>(high);
  }
  if constexpr (L.tables) {
    constexpr int kChooser = kVector / kStrips / 2;
    const Bytes(&of_strips)[kStrips] = kChooser < 2 ? choices.first : choices.last;
    return look_up(book.levels, codes, field<kChooser % 2 * 4, 3, 4>(of_strips[kVector % kStrips]));
  } else if constexpr (L.has_codebook()) {
    return look_up(book.levels, codes);
  }
  if constexpr (!L.minimums && L.zero != kZero) return add_bytes(codes, kZero - L.zero);
  return codes;
}

/// The scales, or the minimums, of one group.
template <const BlockLayout& L>
class GroupScales {
 public:
  SKALD_INLINE explicit GroupScales(const std::byte* p) : p_(p) {
    if constexpr (L.scale == BlockLayout::Scale::super) {
      SKALD_UNROLL
      for (std::size_t s = 0; s < kStrips; ++s) super_[s] = load_f16(p + s * kLanes * 2);
    }
  }
  [[nodiscard]] SKALD_INLINE Vec of(std::size_t run, std::size_t strip) const {
    const std::size_t i = run * kPanel + strip * kLanes;
    if constexpr (L.scale == BlockLayout::Scale::super) return load_signed_bytes(p_ + kPanel * 2 + i) * super_[strip];
    if constexpr (L.scale == BlockLayout::Scale::half) return load_f16(p_ + i * 2);
    if constexpr (L.scale == BlockLayout::Scale::e8m0) return load_powers(p_ + i);
  }

 private:
  const std::byte* p_;
  Vec super_[kStrips];
};

/// What the runs of a layout are like, as far as a product cares. A level is a code - kCodeZero.
template <std::size_t kRunInputs, bool kHasMinimums, int kCodeZero>
struct RunKind {
  static constexpr std::size_t kRun = kRunInputs;
  static constexpr std::size_t kBlock = kRun > kChunk ? kRun : kChunk;  // of x
  static constexpr std::size_t kPiece = std::min(kRun, kMostPiece);
  static constexpr std::size_t kSums = BlockX::sums_per_block(kBlock);
  static constexpr bool kMinimums = kHasMinimums;
  static constexpr int kZero = kCodeZero;

  /// Of `inputs`, the one after the last of run `run`: a run of several pieces may hold fewer.
  SKALD_INLINE static constexpr std::size_t end(std::size_t run, std::size_t inputs) {
    const std::size_t end = (run + 1) * kRun;
    return kRun > kPiece ? std::min(end, inputs) : end;
  }
};
template <const BlockLayout& L>
using KindOf = RunKind<L.run, L.minimums, L.product_zero()>;

/// One packed row of x, from some input on.
template <class Kind>
struct BlockRow {
  const std::byte* q;
  const float* scales;
  const std::int32_t* sums;

  SKALD_INLINE BlockRow(const std::byte* row, std::size_t scales_at, std::size_t sums_at, std::size_t first_input) {
    const std::size_t block = first_input / Kind::kBlock;
    q = row + first_input;
    scales = reinterpret_cast<const float*>(row + scales_at) + block;
    sums = reinterpret_cast<const std::int32_t*>(row + sums_at) + block * Kind::kSums;
  }
  SKALD_INLINE BlockRow(const std::byte* row, const BlockX& form, std::size_t first_input)
      : BlockRow(row, form.scales_at(), form.sums_at(), first_input) {}
  BlockRow() = default;
  SKALD_INLINE void advance(std::size_t bytes) {
    q += bytes;
    scales = reinterpret_cast<const float*>(reinterpret_cast<const std::byte*>(scales) + bytes);
    sums = reinterpret_cast<const std::int32_t*>(reinterpret_cast<const std::byte*>(sums) + bytes);
  }
  SKALD_INLINE void skip(std::size_t inputs) {
    q += inputs;
    scales += inputs / Kind::kBlock;
    sums += inputs / Kind::kBlock * Kind::kSums;
  }
  [[nodiscard]] SKALD_INLINE std::int32_t four(std::size_t input) const {
    std::int32_t bytes;
    std::memcpy(&bytes, q + input, sizeof(bytes));
    return bytes;
  }
  [[nodiscard]] SKALD_INLINE float scale(std::size_t run) const { return scales[run * Kind::kRun / Kind::kBlock]; }
  [[nodiscard]] SKALD_INLINE std::int32_t minus_sum(std::size_t run) const {
    if constexpr (Kind::kRun == 16) return sums[run / 2 * Kind::kSums + run % 2];
    return sums[(run + 1) * Kind::kSums - 1];
  }
};

/// What a run adds to an output: acc = fma(sum, scale * x_scale, acc), the arithmetic of every block format.
SKALD_INLINE Vec add_run(IVec sum, Vec scale, Vec x_scale, Vec acc) { return fma(to_float(sum), scale * x_scale, acc); }

/// And what its minimum adds then.
template <class Kind>
SKALD_INLINE Vec add_minimum(Vec minimum, const BlockRow<Kind>& row, std::size_t run, Vec acc) {
  const float x_sum = row.scale(run) * static_cast<float>(-row.minus_sum(run));
  return fma(minimum, splat(x_sum), acc);
}

template <class Tile, int R, int S>
SKALD_INLINE void store_tile(const Tile& t, const Vec (&acc)[R][S]) {
  SKALD_UNROLL
  for (int r = 0; r < R; ++r) {
    SKALD_UNROLL
    for (int s = 0; s < S; ++s) {
      const std::size_t column = static_cast<std::size_t>(s) * kLanes;
      float* y = t.y + static_cast<std::size_t>(r) * t.y_stride + column;
      if (column + kLanes <= t.columns) {
        store(acc[r][s], y);
      } else if (column < t.columns) {
        store_first(acc[r][s], y, t.columns - column);
      }
    }
  }
}

}  // namespace
}  // namespace skald::kernels::SKALD_ISA
