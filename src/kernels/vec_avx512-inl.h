// Vec on AVX-512 (F, BW, DQ, VL, CD): one register. The meaning of each function is vec_scalar-inl.h's.

namespace skald::kernels::SKALD_ISA {
namespace {

inline constexpr int kLanes = 16;
inline constexpr int kMaxRows = 12;
inline constexpr int kAccumulators = 24;
inline constexpr int kNarrow = 2;
inline constexpr int kByteRows = 6;    // a tile of blocks: rows,
inline constexpr int kByteStrips = 2;  // and strips: their sums and accumulators fill the registers
#if defined(SKALD_VNNI)
inline constexpr int kDirectRows = 8;    // rows by codes that are not unpacked to memory,
inline constexpr int kDirectPasses = 4;  // and how often a panel is taken so
#else
inline constexpr int kDirectRows = 4;
inline constexpr int kDirectPasses = 1;
#endif

struct Vec {
  __m512 v;
};
struct Mask {
  __mmask16 m;
};

SKALD_INLINE __mmask16 first_bits(std::size_t n) { return static_cast<__mmask16>((1U << n) - 1U); }

SKALD_INLINE Vec zero() { return {_mm512_setzero_ps()}; }
SKALD_INLINE Vec splat(float x) { return {_mm512_set1_ps(x)}; }
SKALD_INLINE Vec load(const float* p) { return {_mm512_loadu_ps(p)}; }
SKALD_INLINE Vec load_first(const float* p, std::size_t n) { return {_mm512_maskz_loadu_ps(first_bits(n), p)}; }
SKALD_INLINE void store(Vec a, float* p) { _mm512_storeu_ps(p, a.v); }
SKALD_INLINE void store_first(Vec a, float* p, std::size_t n) { _mm512_mask_storeu_ps(p, first_bits(n), a.v); }

SKALD_INLINE Vec load_bf16(const std::byte* p) {
  const __m256i bits = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16))};
}
SKALD_INLINE Vec load_f16(const std::byte* p) {
  return {_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))};
}
SKALD_INLINE void load_bf16_pairs(const std::byte* p, Vec& even, Vec& odd) {
  const __m512i bits = _mm512_loadu_si512(p);
  even.v = _mm512_castsi512_ps(_mm512_slli_epi32(bits, 16));
  odd.v = _mm512_castsi512_ps(_mm512_and_si512(bits, _mm512_set1_epi32(static_cast<int>(0xffff0000U))));
}

SKALD_INLINE void store_as_bf16(Vec a, std::byte* p) {
  const __m512i bits = _mm512_castps_si512(a.v);
  const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
  const __m512i rounded = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
  const __mmask16 nan = _mm512_cmp_ps_mask(a.v, a.v, _CMP_UNORD_Q);
  const __m512i kept = _mm512_mask_or_epi32(rounded, nan, bits, _mm512_set1_epi32(0x400000));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtepi32_epi16(_mm512_srli_epi32(kept, 16)));
}
#if defined(SKALD_BF16)
SKALD_INLINE void store_normal_as_bf16(Vec a, std::byte* p) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(a.v)));
}
SKALD_INLINE Vec dot_pair(Vec a, Vec b, Vec c) {
  return {_mm512_dpbf16_ps(c.v, reinterpret_cast<__m512bh>(a.v), reinterpret_cast<__m512bh>(b.v))};
}
template <int kHalf>
SKALD_INLINE Vec only_half(Vec a) {
  const __m512i mask = _mm512_set1_epi32(static_cast<int>(kHalf == 1 ? 0xffff0000U : 0xffffU));
  return {_mm512_castsi512_ps(_mm512_and_si512(_mm512_castps_si512(a.v), mask))};
}
#else
SKALD_INLINE void store_normal_as_bf16(Vec a, std::byte* p) { store_as_bf16(a, p); }
#endif

SKALD_INLINE Vec fma(Vec a, Vec b, Vec c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
SKALD_INLINE Vec operator+(Vec a, Vec b) { return {_mm512_add_ps(a.v, b.v)}; }
SKALD_INLINE Vec operator-(Vec a, Vec b) { return {_mm512_sub_ps(a.v, b.v)}; }
SKALD_INLINE Vec operator*(Vec a, Vec b) { return {_mm512_mul_ps(a.v, b.v)}; }
SKALD_INLINE Vec operator/(Vec a, Vec b) { return {_mm512_div_ps(a.v, b.v)}; }
SKALD_INLINE Vec max(Vec a, Vec b) { return {_mm512_max_ps(a.v, b.v)}; }

SKALD_INLINE Mask less(Vec a, Vec b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_LT_OQ)}; }
SKALD_INLINE __mmask16 bits_below(std::ptrdiff_t n) {
  return first_bits(static_cast<std::size_t>(n < 0 ? 0 : n > kLanes ? kLanes : n));
}
SKALD_INLINE Mask lanes(std::ptrdiff_t begin, std::ptrdiff_t end) {
  return {static_cast<__mmask16>(bits_below(end) & ~bits_below(begin))};
}
SKALD_INLINE Vec select(Mask mask, Vec yes, Vec no) { return {_mm512_mask_blend_ps(mask.m, no.v, yes.v)}; }

SKALD_INLINE Vec abs(Vec a) { return {_mm512_abs_ps(a.v)}; }
SKALD_INLINE Vec copysign(Vec a, Vec b) {
  const __m512 sign = _mm512_set1_ps(-0.0F);
  return {_mm512_or_ps(_mm512_andnot_ps(sign, a.v), _mm512_and_ps(sign, b.v))};
}
SKALD_INLINE Vec add_exponent(Vec a, Vec b) {
  const __m512i shifted = _mm512_slli_epi32(_mm512_castps_si512(b.v), 23);
  return {_mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(a.v), shifted))};
}

SKALD_INLINE __m256 low_half(Vec a) { return _mm512_castps512_ps256(a.v); }
SKALD_INLINE __m256 high_half(Vec a) { return _mm512_extractf32x8_ps(a.v, 1); }

SKALD_INLINE float sum(Vec a) {
  const __m256 eight = _mm256_add_ps(low_half(a), high_half(a));
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}
/// Lanes of a and b that `kLow` picks plus those that `kHigh` picks: of whole quarters, or within each quarter.
template <int kLow, int kHigh>
SKALD_INLINE Vec fold_quarters(Vec a, Vec b) {
  return {_mm512_add_ps(_mm512_shuffle_f32x4(a.v, b.v, kLow), _mm512_shuffle_f32x4(a.v, b.v, kHigh))};
}
template <int kLow, int kHigh>
SKALD_INLINE Vec fold_within(Vec a, Vec b) {
  return {_mm512_add_ps(_mm512_shuffle_ps(a.v, b.v, kLow), _mm512_shuffle_ps(a.v, b.v, kHigh))};
}

/// The last two folds leave the sums transposed, as four by four: so the inputs are taken transposed.
SKALD_INLINE Vec sums(const Vec (&a)[16]) {
  Vec four[4];
  SKALD_UNROLL
  for (int i = 0; i < 4; ++i) {
    const Vec low = fold_quarters<0x44, 0xee>(a[i], a[4 + i]);
    four[i] = fold_quarters<0x88, 0xdd>(low, fold_quarters<0x44, 0xee>(a[8 + i], a[12 + i]));
  }
  const Vec low = fold_within<0x44, 0xee>(four[0], four[1]);
  return fold_within<0x88, 0xdd>(low, fold_within<0x44, 0xee>(four[2], four[3]));
}
SKALD_INLINE float largest(Vec a) {
  const __m256 eight = _mm256_max_ps(low_half(a), high_half(a));
  const __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
}
SKALD_INLINE float first(Vec a) { return _mm512_cvtss_f32(a.v); }

struct Bytes {
  __m512i v;
};
struct IVec {
  __m512i v;
};
struct Lookup {
  __m512i v;
};

SKALD_INLINE Bytes load_bytes(const std::byte* p) { return {_mm512_loadu_si512(p)}; }
SKALD_INLINE void store_bytes(Bytes a, std::byte* p) { _mm512_storeu_si512(p, a.v); }
template <int kFrom, int kBits, int kTo>
SKALD_INLINE Bytes field(Bytes a) {
  constexpr int kShift = kFrom - kTo;
  if constexpr (kShift > 0) a.v = _mm512_srli_epi16(a.v, kShift);
  if constexpr (kShift < 0) a.v = _mm512_slli_epi16(a.v, -kShift);
  return {_mm512_and_si512(a.v, _mm512_set1_epi8(static_cast<char>(((1 << kBits) - 1) << kTo)))};
}
SKALD_INLINE Bytes operator|(Bytes a, Bytes b) { return {_mm512_or_si512(a.v, b.v)}; }
SKALD_INLINE Bytes add_bytes(Bytes a, int n) { return {_mm512_add_epi8(a.v, _mm512_set1_epi8(static_cast<char>(n)))}; }
template <class Table>
SKALD_INLINE Table load_lookup(const std::uint8_t* table);
template <>
SKALD_INLINE Lookup load_lookup<Lookup>(const std::uint8_t* table) {
  return {_mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(table)))};
}
SKALD_INLINE Bytes look_up(Lookup table, Bytes a) { return {_mm512_shuffle_epi8(table.v, a.v)}; }
template <int kIndex>
SKALD_INLINE Bytes spread_bytes(const std::byte* p) {
  const __m512i numbers = _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  const __m512i bytes = _mm512_set4_epi32(0x0c0c0c0c, 0x08080808, 0x04040404, 0x00000000);
  return {_mm512_shuffle_epi8(numbers, _mm512_add_epi8(bytes, _mm512_set1_epi8(kIndex)))};
}

#if defined(SKALD_VBMI)
struct Lookup128 {
  __m512i low, high;
};
template <>
SKALD_INLINE Lookup128 load_lookup<Lookup128>(const std::uint8_t* table) {
  return {_mm512_loadu_si512(table), _mm512_loadu_si512(table + 64)};
}
SKALD_INLINE Bytes look_up(Lookup128 table, Bytes a, Bytes table_bits) {
  return {_mm512_permutex2var_epi8(table.low, _mm512_or_si512(a.v, table_bits.v), table.high)};
}
#else
struct Lookup128 {
  Lookup part[8];
};
template <>
SKALD_INLINE Lookup128 load_lookup<Lookup128>(const std::uint8_t* table) {
  Lookup128 r;
  for (int i = 0; i < 8; ++i) r.part[i] = load_lookup<Lookup>(table + 16 * i);
  return r;
}
SKALD_INLINE Bytes look_up(const Lookup128& table, Bytes a, Bytes table_bits) {
  const auto bit = [&](int i) { return _mm512_test_epi8_mask(table_bits.v, _mm512_set1_epi8(static_cast<char>(i))); };
  const __mmask64 odd = bit(16);
  const __mmask64 second = bit(32);
  const auto pair = [&](int i) {
    return _mm512_mask_shuffle_epi8(look_up(table.part[i], a).v, odd, table.part[i + 1].v, a.v);
  };
  const auto four = [&](int i) { return _mm512_mask_blend_epi8(second, pair(i), pair(i + 2)); };
  return {_mm512_mask_blend_epi8(bit(64), four(0), four(4))};
}
#endif

template <int kZero>
SKALD_INLINE IVec minus_zeros(std::int32_t minus_x_sum) {
  if constexpr (kZero == 0) return {_mm512_setzero_si512()};
  return {_mm512_slli_epi32(_mm512_set1_epi32(minus_x_sum), std::countr_zero(static_cast<unsigned>(kZero)))};
}
#if defined(SKALD_VNNI)
template <int kZero>
SKALD_INLINE IVec begin_dot(std::int32_t minus_x_sum) {
  return minus_zeros<kZero>(minus_x_sum);
}
template <int kZero>
SKALD_INLINE IVec dot(IVec acc, Bytes codes, std::int32_t x) {
  return {_mm512_dpbusd_epi32(acc.v, codes.v, _mm512_set1_epi32(x))};
}
#else
template <int kZero>
SKALD_INLINE IVec begin_dot(std::int32_t minus_x_sum) {
  if constexpr (kZero == kSignedZero) return minus_zeros<0>(minus_x_sum);
  return minus_zeros<kZero>(minus_x_sum);
}
/// Pairs of products are at most 2 * 128 * 127 in 16 bits: those of signed levels by taking the sign from one to the
/// other factor.
template <int kZero>
SKALD_INLINE IVec dot(IVec acc, Bytes codes, std::int32_t x) {
  __m512i factors = _mm512_set1_epi32(x);
  if constexpr (kZero == kSignedZero) {
    const __m512i levels = _mm512_xor_si512(codes.v, _mm512_set1_epi8(static_cast<char>(kSignedZero)));
    factors = _mm512_mask_sub_epi8(factors, _mm512_movepi8_mask(levels), _mm512_setzero_si512(), factors);
    codes.v = _mm512_abs_epi8(levels);
  }
  const __m512i pairs = _mm512_maddubs_epi16(codes.v, factors);
  return {_mm512_add_epi32(acc.v, _mm512_madd_epi16(pairs, _mm512_set1_epi16(1)))};
}
#endif
SKALD_INLINE IVec operator+(IVec a, IVec b) { return {_mm512_add_epi32(a.v, b.v)}; }
SKALD_INLINE IVec load_ints(const std::int32_t* p) { return {_mm512_loadu_si512(p)}; }
SKALD_INLINE Vec to_float(IVec a) { return {_mm512_cvtepi32_ps(a.v)}; }
SKALD_INLINE IVec round(Vec a) { return {_mm512_cvtps_epi32(a.v)}; }
SKALD_INLINE void store_as_bytes(IVec a, std::int8_t* p) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(a.v));
}
SKALD_INLINE std::int32_t sum(IVec a) { return _mm512_reduce_add_epi32(a.v); }
SKALD_INLINE Vec load_signed_bytes(const std::byte* p) {
  return {_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))))};
}
SKALD_INLINE Vec load_powers(const std::byte* p) {
  const __m512i e = _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  const __m512i normal = _mm512_slli_epi32(_mm512_sub_epi32(e, _mm512_set1_epi32(1)), 23);
  const __m512i tiny = _mm512_sllv_epi32(_mm512_set1_epi32(0x00200000), e);
  const __mmask16 below = _mm512_cmplt_epi32_mask(e, _mm512_set1_epi32(2));
  return {_mm512_castsi512_ps(_mm512_mask_blend_epi32(below, normal, tiny))};
}

}  // namespace
}  // namespace skald::kernels::SKALD_ISA
