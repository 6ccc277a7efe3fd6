// Eight tile registers of 16 rows by 64 bytes: the only code that touches AMX state. Two backends with one interface:
// AmxTiles is the hardware, ModelTiles says in plain C++ what it computes, so that the kernels on top run anywhere.
//
//   Tiles tiles;                            configures the registers of this thread; the destructor releases them
//   tiles.template zero<C>();               tile C = 0
//   tiles.template load<A>(p, stride);      16 rows of 64 bytes, `stride` bytes apart
//   tiles.template store<C>(p, stride);
//   tiles.template multiply<C, A, B>();     TDPBF16PS: C [16, 16] f32 += A [16, 16 pairs] · B [16 pairs, 16]

namespace skald::kernels::SKALD_ISA {
namespace {

inline constexpr std::size_t kTileRows = 16;
inline constexpr std::size_t kTileRowBytes = 64;
inline constexpr std::size_t kTileBytes = kTileRows * kTileRowBytes;

#if defined(__x86_64__)
/// The operand of LDTILECFG (Intel SDM vol. 1, 18.2): palette 1, all eight tiles of full size.
struct alignas(64) TileConfig {
  std::uint8_t palette = 1;
  std::uint8_t start_row = 0;
  std::uint8_t reserved[14] = {};
  std::uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};
static_assert(sizeof(TileConfig) == 64);

/// Instructions are written out: GCC 12's _tile_loadconfig and _tile_loadd do not say that they read memory, so that
/// stores before them may be dropped. The "memory" clobbers are the barriers.
class AmxTiles {
 public:
  AmxTiles() {
    static constexpr TileConfig kConfig;
    asm volatile("ldtilecfg %0" : : "m"(kConfig) : "memory");
  }
  ~AmxTiles() { asm volatile("tilerelease" : : : "memory"); }
  AmxTiles(const AmxTiles&) = delete;
  AmxTiles& operator=(const AmxTiles&) = delete;

  template <int T>
  SKALD_INLINE void zero() {
    asm volatile("tilezero %%tmm%c0" : : "i"(T));
  }
  template <int T>
  SKALD_INLINE void load(const void* p, std::size_t stride) {
    asm volatile("tileloadd (%0,%1,1), %%tmm%c2" : : "r"(p), "r"(stride), "i"(T) : "memory");
  }
  template <int T>
  SKALD_INLINE void store(void* p, std::size_t stride) {
    asm volatile("tilestored %%tmm%c2, (%0,%1,1)" : : "r"(p), "r"(stride), "i"(T) : "memory");
  }
  template <int C, int A, int B>
  SKALD_INLINE void multiply() {
    asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(C), "i"(A), "i"(B));
  }
};
#endif

/// TDPBF16PS as the SDM's pseudocode has it: for each output two chains of FMAs, over the even and the odd inputs, from
/// zero; their sum; then the accumulator plus that. Every operation rounds to nearest even, takes subnormal operands as
/// zero and flushes subnormal results to zero, whatever MXCSR says.
class ModelTiles {
 public:
  template <int T>
  void zero() {
    std::memset(tiles_[T], 0, kTileBytes);
  }
  template <int T>
  void load(const void* p, std::size_t stride) {
    for (std::size_t r = 0; r < kTileRows; ++r) {
      std::memcpy(tiles_[T] + r * kTileRowBytes, static_cast<const std::byte*>(p) + r * stride, kTileRowBytes);
    }
  }
  template <int T>
  void store(void* p, std::size_t stride) {
    for (std::size_t r = 0; r < kTileRows; ++r) {
      std::memcpy(static_cast<std::byte*>(p) + r * stride, tiles_[T] + r * kTileRowBytes, kTileRowBytes);
    }
  }
  template <int C, int A, int B>
  void multiply() {
    for (std::size_t row = 0; row < kTileRows; ++row) {
      for (std::size_t column = 0; column < kTileRows; ++column) {
        float even = 0.0F;
        float odd = 0.0F;
        for (std::size_t pair = 0; pair < kTileRows; ++pair) {
          even = fma_flushed(bf16(A, row, 2 * pair), bf16(B, pair, 2 * column), even);
          odd = fma_flushed(bf16(A, row, 2 * pair + 1), bf16(B, pair, 2 * column + 1), odd);
        }
        std::byte* place = tiles_[C] + row * kTileRowBytes + column * sizeof(float);
        float c = 0.0F;
        std::memcpy(&c, place, sizeof(c));
        c = fma_flushed(1.0F, flushed(c), fma_flushed(1.0F, even, odd));
        std::memcpy(place, &c, sizeof(c));
      }
    }
  }

 private:
  static float flushed(float x) {
    return std::fabs(x) < std::numeric_limits<float>::min() ? std::copysign(0.0F, x) : x;
  }
  // A result is tiny when it would be below 2^-126 after rounding to 24 bits with an unbounded exponent.
  static float fma_flushed(float a, float b, float c) {
    const double sum = static_cast<double>(a) * b + c;  // the product is exact
    constexpr double kTiny = 0x1p-126 * (1 - 0x1p-25);
    return std::fabs(sum) < kTiny ? std::copysign(0.0F, static_cast<float>(sum)) : std::fma(a, b, c);
  }
  [[nodiscard]] float bf16(int tile, std::size_t row, std::size_t i) const {
    BFloat16 value;
    std::memcpy(&value, tiles_[tile] + row * kTileRowBytes + 2 * i, sizeof(value));
    return flushed(to_float(value));
  }

  std::byte tiles_[8][kTileBytes] = {};
};

}  // namespace
}  // namespace skald::kernels::SKALD_ISA
