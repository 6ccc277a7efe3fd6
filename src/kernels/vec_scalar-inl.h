// Vec in plain C++: sixteen floats, one after another. The reference for every other Vec, and the only one that is
// compiled on machines other than x86-64.
//
// A Vec has sixteen lanes on every ISA, however many registers that takes, so that lane-wise sums are made in one order
// everywhere: all tables without tiles give the same bits.

namespace skald::kernels::SKALD_ISA {
namespace {

inline constexpr int kLanes = 16;
inline constexpr int kMaxRows = 4;       // rows of one register tile
inline constexpr int kAccumulators = 4;  // Vecs that a tile may keep in registers
inline constexpr int kNarrow = 1;        // fewest strips of a tile: divides 2
inline constexpr int kByteRows = 2;      // a tile of blocks: rows,
inline constexpr int kByteStrips = 1;    // and strips: their sums and accumulators fill the registers
inline constexpr int kDirectRows = 2;    // rows by codes that are not unpacked to memory,
inline constexpr int kDirectPasses = 2;  // and how often a panel is taken so

struct Vec {
  float lane[kLanes];
};
struct Mask {
  bool lane[kLanes];
};

SKALD_INLINE Vec splat(float x) {
  Vec r;
  for (float& lane : r.lane) lane = x;
  return r;
}
SKALD_INLINE Vec zero() { return splat(0.0F); }

SKALD_INLINE Vec load(const float* p) {
  Vec r;
  for (int i = 0; i < kLanes; ++i) r.lane[i] = p[i];
  return r;
}
/// The first n < 16 lanes from memory, zeros elsewhere; reads nothing beyond.
SKALD_INLINE Vec load_first(const float* p, std::size_t n) {
  Vec r = zero();
  for (std::size_t i = 0; i < n; ++i) r.lane[i] = p[i];
  return r;
}
SKALD_INLINE void store(const Vec& a, float* p) {
  for (int i = 0; i < kLanes; ++i) p[i] = a.lane[i];
}
SKALD_INLINE void store_first(const Vec& a, float* p, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) p[i] = a.lane[i];
}

/// Sixteen bf16 / f16 values, widened exactly.
SKALD_INLINE Vec load_bf16(const std::byte* p) {
  Vec r;
  for (int i = 0; i < kLanes; ++i) {
    BFloat16 value;
    std::memcpy(&value, p + 2 * i, 2);
    r.lane[i] = to_float(value);
  }
  return r;
}
SKALD_INLINE Vec load_f16(const std::byte* p) {
  Vec r;
  for (int i = 0; i < kLanes; ++i) {
    Float16 value;
    std::memcpy(&value, p + 2 * i, 2);
    r.lane[i] = to_float(value);
  }
  return r;
}
/// Sixteen (even, odd) pairs of bf16 from 64 bytes.
SKALD_INLINE void load_bf16_pairs(const std::byte* p, Vec& even, Vec& odd) {
  for (int i = 0; i < kLanes; ++i) {
    BFloat16 pair[2];
    std::memcpy(pair, p + 4 * i, 4);
    even.lane[i] = to_float(pair[0]);
    odd.lane[i] = to_float(pair[1]);
  }
}

/// Rounded to bf16, to nearest even; a NaN stays one.
SKALD_INLINE void store_as_bf16(const Vec& a, std::byte* p) {
  for (int i = 0; i < kLanes; ++i) {
    const BFloat16 value = to_bfloat16(a.lane[i]);
    std::memcpy(p + 2 * i, &value, 2);
  }
}
/// The same where no lane is subnormal.
SKALD_INLINE void store_normal_as_bf16(const Vec& a, std::byte* p) { store_as_bf16(a, p); }

/// a * b + c with one rounding; subnormal operands and a result that is one after rounding count as zeros.
inline float fma_flushed(float a, float b, float c) {
  const auto flushed = [](float x) {
    return std::fabs(x) < std::numeric_limits<float>::min() ? std::copysign(0.0F, x) : x;
  };
  a = flushed(a);
  b = flushed(b);
  c = flushed(c);
  const double sum = static_cast<double>(a) * b + c;  // the product is exact
  constexpr double kTiny = 0x1p-126 * (1 - 0x1p-25);  // what is below rounds to less than 2^-126
  return std::fabs(sum) < kTiny ? std::copysign(0.0F, static_cast<float>(sum)) : std::fma(a, b, c);
}
/// Lanes are pairs of bf16: the product of the odd halves is added to c, then that of the even ones, each flushed. It
/// is VDPBF16PS (Intel SDM vol. 2).
SKALD_INLINE Vec dot_pair(const Vec& a, const Vec& b, const Vec& c) {
  Vec r;
  for (int i = 0; i < kLanes; ++i) {
    const auto x = std::bit_cast<std::uint32_t>(a.lane[i]);
    const auto y = std::bit_cast<std::uint32_t>(b.lane[i]);
    const auto odd = [](std::uint32_t bits) { return std::bit_cast<float>(bits & 0xffff0000U); };
    const float first = fma_flushed(odd(x), odd(y), c.lane[i]);
    r.lane[i] = fma_flushed(odd(x << 16), odd(y << 16), first);
  }
  return r;
}

/// Lanes are pairs of bf16: zero in the place of the other half.
template <int kHalf>
SKALD_INLINE Vec only_half(const Vec& a) {
  Vec r;
  for (int i = 0; i < kLanes; ++i) {
    r.lane[i] = std::bit_cast<float>(std::bit_cast<std::uint32_t>(a.lane[i]) & (kHalf == 1 ? 0xffff0000U : 0xffffU));
  }
  return r;
}
/// a * b + c with one rounding. libm's fmaf: exact on every machine, the compiler's own needs a target with FMA.
SKALD_INLINE Vec fma(const Vec& a, const Vec& b, const Vec& c) {
  Vec r;
  for (int i = 0; i < kLanes; ++i) r.lane[i] = std::fma(a.lane[i], b.lane[i], c.lane[i]);
  return r;
}
SKALD_INLINE Vec operator+(const Vec& a, const Vec& b) {
  Vec r;
  for (int i = 0; i < kLanes; ++i) r.lane[i] = a.lane[i] + b.lane[i];
  return r;
}
SKALD_INLINE Vec operator-(const Vec& a, const Vec& b) {
  Vec r;
  for (int i = 0; i < kLanes; ++i) r.lane[i] = a.lane[i] - b.lane[i];
  return r;
}
SKALD_INLINE Vec operator*(const Vec& a, const Vec& b) {
  Vec r;
  for (int i = 0; i < kLanes; ++i) r.lane[i] = a.lane[i] * b.lane[i];
  return r;
}
SKALD_INLINE Vec operator/(const Vec& a, const Vec& b) {
  Vec r;
  for (int i = 0; i < kLanes; ++i) r.lane[i] = a.lane[i] / b.lane[i];
  return r;
}
/// The larger; b where either is a NaN (x86's rule).
SKALD_INLINE Vec max(const Vec& a, const Vec& b) {
  Vec r;
  for (int i = 0; i < kLanes; ++i) r.lane[i] = a.lane[i] > b.lane[i] ? a.lane[i] : b.lane[i];
  return r;
}

/// a < b, false where either is a NaN.
SKALD_INLINE Mask less(const Vec& a, const Vec& b) {
  Mask r;
  for (int i = 0; i < kLanes; ++i) r.lane[i] = a.lane[i] < b.lane[i];
  return r;
}
/// Lanes [begin, end); both may lie outside 0..16.
SKALD_INLINE Mask lanes(std::ptrdiff_t begin, std::ptrdiff_t end) {
  Mask r;
  for (int i = 0; i < kLanes; ++i) r.lane[i] = i >= begin && i < end;
  return r;
}
SKALD_INLINE Vec select(const Mask& mask, const Vec& yes, const Vec& no) {
  Vec r;
  for (int i = 0; i < kLanes; ++i) r.lane[i] = mask.lane[i] ? yes.lane[i] : no.lane[i];
  return r;
}

SKALD_INLINE Vec abs(const Vec& a) {
  Vec r;
  for (int i = 0; i < kLanes; ++i)
    r.lane[i] = std::bit_cast<float>(std::bit_cast<std::uint32_t>(a.lane[i]) & 0x7fffffffU);
  return r;
}
/// |a| with the sign of b.
SKALD_INLINE Vec copysign(const Vec& a, const Vec& b) {
  Vec r;
  for (int i = 0; i < kLanes; ++i) {
    r.lane[i] = std::bit_cast<float>((std::bit_cast<std::uint32_t>(a.lane[i]) & 0x7fffffffU) |
                                     (std::bit_cast<std::uint32_t>(b.lane[i]) & 0x80000000U));
  }
  return r;
}
/// The bits of a plus the low bits of b shifted to the exponent: a * 2^n where b = kRoundMagic + n.
SKALD_INLINE Vec add_exponent(const Vec& a, const Vec& b) {
  Vec r;
  for (int i = 0; i < kLanes; ++i) {
    r.lane[i] =
        std::bit_cast<float>(std::bit_cast<std::uint32_t>(a.lane[i]) + (std::bit_cast<std::uint32_t>(b.lane[i]) << 23));
  }
  return r;
}

/// Halves onto each other until one is left: the same tree on every ISA.
SKALD_INLINE float sum(Vec a) {
  for (int width = kLanes / 2; width > 0; width /= 2) {
    for (int i = 0; i < width; ++i) a.lane[i] = a.lane[i] + a.lane[i + width];
  }
  return a.lane[0];
}
/// Lane i is sum(a[i]), by the same tree.
SKALD_INLINE Vec sums(const Vec (&a)[16]) {
  Vec r;
  for (int i = 0; i < kLanes; ++i) r.lane[i] = sum(a[i]);
  return r;
}
SKALD_INLINE float largest(Vec a) {
  for (int width = kLanes / 2; width > 0; width /= 2) {
    for (int i = 0; i < width; ++i) a.lane[i] = a.lane[i] > a.lane[i + width] ? a.lane[i] : a.lane[i + width];
  }
  return a.lane[0];
}
SKALD_INLINE float first(const Vec& a) { return a.lane[0]; }

/// 64 bytes: codes of blocks.
struct Bytes {
  std::uint8_t byte[64];
};
/// Sixteen sums of products of bytes.
struct IVec {
  std::int32_t lane[kLanes];
};

SKALD_INLINE Bytes load_bytes(const std::byte* p) {
  Bytes r;
  std::memcpy(r.byte, p, 64);
  return r;
}
SKALD_INLINE void store_bytes(const Bytes& a, std::byte* p) { std::memcpy(p, a.byte, 64); }
/// Bits [kFrom, kFrom + kBits) of every byte, moved to bit kTo.
template <int kFrom, int kBits, int kTo>
SKALD_INLINE Bytes field(const Bytes& a) {
  Bytes r;
  for (int i = 0; i < 64; ++i) r.byte[i] = static_cast<std::uint8_t>((a.byte[i] >> kFrom & ((1 << kBits) - 1)) << kTo);
  return r;
}
SKALD_INLINE Bytes operator|(const Bytes& a, const Bytes& b) {
  Bytes r;
  for (int i = 0; i < 64; ++i) r.byte[i] = a.byte[i] | b.byte[i];
  return r;
}
/// a + n in every byte, modulo 256.
SKALD_INLINE Bytes add_bytes(const Bytes& a, int n) {
  Bytes r;
  for (int i = 0; i < 64; ++i) r.byte[i] = static_cast<std::uint8_t>(a.byte[i] + n);
  return r;
}
struct Lookup {
  std::uint8_t byte[16];
};
/// Eight tables of 16.
struct Lookup128 {
  std::uint8_t byte[128];
};
template <class Table>
SKALD_INLINE Table load_lookup(const std::uint8_t* table) {
  Table r;
  std::memcpy(r.byte, table, sizeof(r.byte));
  return r;
}
/// table[a[i]] for codes below 16.
SKALD_INLINE Bytes look_up(const Lookup& table, const Bytes& a) {
  Bytes r;
  for (int i = 0; i < 64; ++i) r.byte[i] = table.byte[a.byte[i]];
  return r;
}

/// table[table_bits[i] + a[i]] for codes below 16; table_bits are multiples of 16 below 128.
SKALD_INLINE Bytes look_up(const Lookup128& table, const Bytes& a, const Bytes& table_bits) {
  Bytes r;
  for (int i = 0; i < 64; ++i) r.byte[i] = table.byte[table_bits.byte[i] | a.byte[i]];
  return r;
}
/// Byte kIndex (0 or 1) of sixteen 16-bit numbers, each four times.
template <int kIndex>
SKALD_INLINE Bytes spread_bytes(const std::byte* p) {
  Bytes r;
  for (int i = 0; i < 64; ++i) r.byte[i] = static_cast<std::uint8_t>(p[i / 4 * 2 + kIndex]);
  return r;
}

/// What a dot product of codes starts from, given the sum of all of -x. A level is a code - kZero.
template <int kZero>
SKALD_INLINE IVec begin_dot(std::int32_t) {
  return {};
}
/// acc[i] += the product of level bytes 4 i .. 4 i + 3 and the four signed bytes x, which are not -128. Codes are
/// below 64, or kZero is kSignedZero.
template <int kZero>
SKALD_INLINE IVec dot(IVec acc, const Bytes& codes, std::int32_t x) {
  for (int i = 0; i < kLanes; ++i) {
    for (int j = 0; j < 4; ++j) {
      const int level = codes.byte[4 * i + j] - kZero;
      acc.lane[i] += level * static_cast<std::int8_t>(x >> 8 * j & 0xff);
    }
  }
  return acc;
}
SKALD_INLINE IVec load_ints(const std::int32_t* p) {
  IVec r;
  for (int i = 0; i < kLanes; ++i) r.lane[i] = p[i];
  return r;
}
SKALD_INLINE IVec operator+(IVec a, const IVec& b) {
  for (int i = 0; i < kLanes; ++i) a.lane[i] += b.lane[i];
  return a;
}
SKALD_INLINE Vec to_float(const IVec& a) {
  Vec r;
  for (int i = 0; i < kLanes; ++i) r.lane[i] = static_cast<float>(a.lane[i]);
  return r;
}
/// To nearest even; |a| is below 2^22.
SKALD_INLINE IVec round(const Vec& a) {
  IVec r;
  for (int i = 0; i < kLanes; ++i) {
    r.lane[i] = std::bit_cast<std::int32_t>(a.lane[i] + 0x1.8p23F) - std::bit_cast<std::int32_t>(0x1.8p23F);
  }
  return r;
}
/// Numbers from -128 to 127 as bytes.
SKALD_INLINE void store_as_bytes(const IVec& a, std::int8_t* p) {
  for (int i = 0; i < kLanes; ++i) p[i] = static_cast<std::int8_t>(a.lane[i]);
}
SKALD_INLINE std::int32_t sum(const IVec& a) {
  std::int32_t total = 0;
  for (const std::int32_t lane : a.lane) total += lane;
  return total;
}
/// Sixteen signed bytes as floats.
SKALD_INLINE Vec load_signed_bytes(const std::byte* p) {
  Vec r;
  for (int i = 0; i < kLanes; ++i) r.lane[i] = static_cast<float>(static_cast<std::int8_t>(p[i]));
  return r;
}
/// 2^(byte - 128), the first two of them subnormal.
SKALD_INLINE Vec load_powers(const std::byte* p) {
  Vec r;
  for (int i = 0; i < kLanes; ++i) {
    const auto e = static_cast<std::uint32_t>(p[i]);
    r.lane[i] = std::bit_cast<float>(e < 2 ? 0x00200000U << e : (e - 1) << 23);
  }
  return r;
}

}  // namespace
}  // namespace skald::kernels::SKALD_ISA
