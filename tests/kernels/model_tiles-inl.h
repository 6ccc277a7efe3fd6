// Tile registers in plain C++, for tests: what AmxTiles (kernels/tile-inl.h) computes, on every machine.

namespace skald::kernels::SKALD_ISA {
namespace {

/// The pseudocode of Intel's SDM, vol. 2. TDPBF16PS is for each output two chains of FMAs, over the even and the odd
/// inputs, from zero; their sum; then the accumulator plus that. Every operation rounds to nearest even, takes
/// subnormal operands as zero and flushes subnormal results to zero, whatever MXCSR says. Shapes that an instruction
/// refuses abort.
class ModelTiles {
 public:
  explicit ModelTiles(const TileConfig& config) : config_(config) {
    require(config.palette == 1 && config.start_row == 0);
    for (int t = 0; t < 16; ++t) {
      require(t < 8 ? config.rows[t] <= kTileRows && config.row_bytes[t] <= kTileRowBytes
                    : config.rows[t] == 0 && config.row_bytes[t] == 0);
      require((config.rows[t] == 0) == (config.row_bytes[t] == 0));
    }
  }

  template <int T>
  void zero() {
    std::memset(tiles_[T], 0, kTileBytes);
  }
  template <int T>
  void drop() {
    std::memset(tiles_[T], 0x7b, kTileBytes);  // so that who reads it gets wrong numbers
  }
  template <int T>
  void load(const void* p, std::size_t stride) {
    zero<T>();
    for (std::size_t r = 0; r < config_.rows[T]; ++r)
      std::memcpy(row(T, r), static_cast<const std::byte*>(p) + r * stride, config_.row_bytes[T]);
  }
  template <int T>
  void store(void* p, std::size_t stride) const {
    for (std::size_t r = 0; r < config_.rows[T]; ++r)
      std::memcpy(static_cast<std::byte*>(p) + r * stride, row(T, r), config_.row_bytes[T]);
  }
  template <int C, int A, int B>
  void multiply() {
    require_shapes(C, A, B);
    for (std::size_t m = 0; m < config_.rows[C]; ++m) {
      for (std::size_t n = 0; n < config_.row_bytes[C] / 4U; ++n) {
        float even = 0.0F;
        float odd = 0.0F;
        for (std::size_t pair = 0; pair < config_.row_bytes[A] / 4U; ++pair) {
          even = fma_flushed(bf16(A, m, 2 * pair), bf16(B, pair, 2 * n), even);
          odd = fma_flushed(bf16(A, m, 2 * pair + 1), bf16(B, pair, 2 * n + 1), odd);
        }
        put(C, m, n, fma_flushed(1.0F, get<float>(C, m, n), fma_flushed(1.0F, even, odd)));
      }
    }
  }
  template <int C, int A, int B>
  void multiply_bytes() {
    multiply_kinds<C, A, B, std::int8_t>();
  }

 protected:
  /// Weights may be of another kind of bytes than x.
  template <int C, int A, int B, class Weight>
  void multiply_kinds() {
    require_shapes(C, A, B);
    for (std::size_t m = 0; m < config_.rows[C]; ++m) {
      for (std::size_t n = 0; n < config_.row_bytes[C] / 4U; ++n) {
        auto sum = get<std::int32_t>(C, m, n);
        for (std::size_t i = 0; i < config_.row_bytes[A]; ++i)
          sum += get<std::int8_t>(A, m, i) * get<Weight>(B, i / 4, 4 * n + i % 4);
        put(C, m, n, sum);
      }
    }
  }

 private:
  static void require(bool rule) {
    if (!rule) std::abort();  // as the processor would
  }
  void require_shapes(int c, int a, int b) const {
    require(config_.rows[c] == config_.rows[a] && config_.row_bytes[c] == config_.row_bytes[b]);
    require(config_.row_bytes[a] == 4U * config_.rows[b] && c != a && a != b && c != b);
  }
  std::byte* row(int t, std::size_t r) { return tiles_[t] + r * kTileRowBytes; }
  [[nodiscard]] const std::byte* row(int t, std::size_t r) const { return tiles_[t] + r * kTileRowBytes; }
  template <class T>
  [[nodiscard]] T get(int t, std::size_t r, std::size_t i) const {
    T value;
    std::memcpy(&value, row(t, r) + i * sizeof(T), sizeof(T));
    return value;
  }
  template <class T>
  void put(int t, std::size_t r, std::size_t i, T value) {
    std::memcpy(row(t, r) + i * sizeof(T), &value, sizeof(T));
  }
  [[nodiscard]] float bf16(int t, std::size_t r, std::size_t i) const { return to_float(get<BFloat16>(t, r, i)); }

  TileConfig config_;
  std::byte tiles_[8][kTileBytes] = {};
};

}  // namespace
}  // namespace skald::kernels::SKALD_ISA
