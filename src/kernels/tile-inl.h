// Eight tile registers of 16 rows by 64 bytes: the only code that touches AMX state. Two backends with one interface:
// AmxTiles is the hardware, ModelTiles says in plain C++ what it computes, so that the kernels on top run anywhere.
//
//   Tiles tiles(config);                    configures the registers of this thread; the destructor releases them
//   tiles.template zero<C>();               tile C = 0
//   tiles.template drop<A>();               nobody reads tile A until it is loaded or zeroed again
//   tiles.template load<A>(p, stride);      its rows, `stride` bytes apart
//   tiles.template store<C>(p, stride);
//   tiles.template multiply<C, A, B>();     TDPBF16PS: C [16, 16] f32 += A [16, 16 pairs] · B [16 pairs, 16]
//   tiles.template multiply_bytes<C, A, B>();  TDPBSSD: C [rows, 16] i32 += A [rows, depth] · B [depth / 4, 16, 4],
//                                              signed bytes
//
// A load waits for a free register to rename its tile to. Where another thread computes on the core there are few, and
// each tile that holds something takes one: products of 2 x 2 tiles with all eight loaded take 30 ns each, 19 where
// every tile is dropped after its last use, products of 1 x 2 tiles so 14 (Sapphire Rapids, 2.2 GHz; alone on the core
// all of them 7.3).

namespace skald::kernels::SKALD_ISA {
namespace {

inline constexpr std::size_t kTileRows = 16;
inline constexpr std::size_t kTileRowBytes = 64;
inline constexpr std::size_t kTileBytes = kTileRows * kTileRowBytes;

/// The operand of LDTILECFG (Intel SDM vol. 1, 18.2): palette 1, eight tiles of full size.
struct alignas(64) TileConfig {
  std::uint8_t palette = 1;
  std::uint8_t start_row = 0;
  std::uint8_t reserved[14] = {};
  std::uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};
static_assert(sizeof(TileConfig) == 64 && offsetof(TileConfig, row_bytes) == 16 && offsetof(TileConfig, rows) == 48);

#if defined(__x86_64__)
/// Instructions are written out: GCC 12's _tile_loadconfig and _tile_loadd do not say that they read memory, so that
/// stores before them may be dropped. The "memory" clobbers are the barriers. Operands stand in the order of AT&T, the
/// destination last.
class AmxTiles {
 public:
  explicit AmxTiles(const TileConfig& config) { asm volatile("ldtilecfg %0" : : "m"(config) : "memory"); }
  ~AmxTiles() { asm volatile("tilerelease" : : : "memory"); }
  AmxTiles(const AmxTiles&) = delete;
  AmxTiles& operator=(const AmxTiles&) = delete;

  template <int T>
  SKALD_INLINE void zero() {
    asm volatile("tilezero %%tmm%c0" : : "i"(T));
  }
  template <int T>
  SKALD_INLINE void drop() {
    zero<T>();  // which needs no register
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
  template <int C, int A, int B>
  SKALD_INLINE void multiply_bytes() {
    asm volatile("tdpbssd %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(C), "i"(A), "i"(B));
  }
};
#endif

}  // namespace
}  // namespace skald::kernels::SKALD_ISA
