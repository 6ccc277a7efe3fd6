// Vec on AVX2 with FMA and F16C: two registers, lanes 0-7 and 8-15. The meaning of each function is vec_scalar-inl.h's.

namespace skald::kernels::SKALD_ISA {
namespace {

inline constexpr int kLanes = 16;
inline constexpr int kMaxRows = 6;
inline constexpr int kAccumulators = 6;
inline constexpr int kNarrow = 1;
inline constexpr int kByteRows = 3;      // a tile of blocks: rows,
inline constexpr int kByteStrips = 1;    // and strips: their sums and accumulators fill the registers
inline constexpr int kDirectRows = 1;    // rows by codes that are not unpacked to memory,
inline constexpr int kDirectPasses = 1;  // and how often a panel is taken so

struct Vec {
  __m256 low, high;
};
struct Mask {
  __m256 low, high;  // all bits of a lane set or clear
};

/// Lanes begin <= i < end of one register whose first lane is number `base`.
SKALD_INLINE __m256i lane_bits(int base, int begin, int end) {
  const __m256i lane = _mm256_add_epi32(_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), _mm256_set1_epi32(base));
  const __m256i from = _mm256_cmpgt_epi32(lane, _mm256_set1_epi32(begin - 1));
  return _mm256_and_si256(from, _mm256_cmpgt_epi32(_mm256_set1_epi32(end), lane));
}

SKALD_INLINE Vec zero() { return {_mm256_setzero_ps(), _mm256_setzero_ps()}; }
SKALD_INLINE Vec splat(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
SKALD_INLINE Vec load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
SKALD_INLINE Vec load_first(const float* p, std::size_t n) {
  const int end = static_cast<int>(n);
  return {_mm256_maskload_ps(p, lane_bits(0, 0, end)), _mm256_maskload_ps(p + 8, lane_bits(8, 0, end))};
}
SKALD_INLINE void store(Vec a, float* p) {
  _mm256_storeu_ps(p, a.low);
  _mm256_storeu_ps(p + 8, a.high);
}
SKALD_INLINE void store_first(Vec a, float* p, std::size_t n) {
  const int end = static_cast<int>(n);
  _mm256_maskstore_ps(p, lane_bits(0, 0, end), a.low);
  _mm256_maskstore_ps(p + 8, lane_bits(8, 0, end), a.high);
}

SKALD_INLINE __m128i load_eight_halves(const std::byte* p) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
}
SKALD_INLINE __m256 widen_bf16(__m128i bits) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16));
}
SKALD_INLINE Vec load_bf16(const std::byte* p) {
  return {widen_bf16(load_eight_halves(p)), widen_bf16(load_eight_halves(p + 16))};
}
SKALD_INLINE Vec load_f16(const std::byte* p) {
  return {_mm256_cvtph_ps(load_eight_halves(p)), _mm256_cvtph_ps(load_eight_halves(p + 16))};
}
SKALD_INLINE void load_bf16_pairs(const std::byte* p, Vec& even, Vec& odd) {
  const __m256i upper = _mm256_set1_epi32(static_cast<int>(0xffff0000U));
  const __m256i low = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  const __m256i high = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + 32));
  even = {_mm256_castsi256_ps(_mm256_slli_epi32(low, 16)), _mm256_castsi256_ps(_mm256_slli_epi32(high, 16))};
  odd = {_mm256_castsi256_ps(_mm256_and_si256(low, upper)), _mm256_castsi256_ps(_mm256_and_si256(high, upper))};
}

SKALD_INLINE Vec fma(Vec a, Vec b, Vec c) {
  return {_mm256_fmadd_ps(a.low, b.low, c.low), _mm256_fmadd_ps(a.high, b.high, c.high)};
}
SKALD_INLINE Vec operator+(Vec a, Vec b) { return {_mm256_add_ps(a.low, b.low), _mm256_add_ps(a.high, b.high)}; }
SKALD_INLINE Vec operator-(Vec a, Vec b) { return {_mm256_sub_ps(a.low, b.low), _mm256_sub_ps(a.high, b.high)}; }
SKALD_INLINE Vec operator*(Vec a, Vec b) { return {_mm256_mul_ps(a.low, b.low), _mm256_mul_ps(a.high, b.high)}; }
SKALD_INLINE Vec operator/(Vec a, Vec b) { return {_mm256_div_ps(a.low, b.low), _mm256_div_ps(a.high, b.high)}; }
SKALD_INLINE Vec max(Vec a, Vec b) { return {_mm256_max_ps(a.low, b.low), _mm256_max_ps(a.high, b.high)}; }

SKALD_INLINE Mask less(Vec a, Vec b) {
  return {_mm256_cmp_ps(a.low, b.low, _CMP_LT_OQ), _mm256_cmp_ps(a.high, b.high, _CMP_LT_OQ)};
}
SKALD_INLINE int to_lane(std::ptrdiff_t i) { return static_cast<int>(i < 0 ? 0 : i > kLanes ? kLanes : i); }
SKALD_INLINE Mask lanes(std::ptrdiff_t begin, std::ptrdiff_t end) {
  const int b = to_lane(begin);
  const int e = to_lane(end);
  return {_mm256_castsi256_ps(lane_bits(0, b, e)), _mm256_castsi256_ps(lane_bits(8, b, e))};
}
SKALD_INLINE Vec select(Mask mask, Vec yes, Vec no) {
  return {_mm256_blendv_ps(no.low, yes.low, mask.low), _mm256_blendv_ps(no.high, yes.high, mask.high)};
}

SKALD_INLINE Vec abs(Vec a) {
  const __m256 sign = _mm256_set1_ps(-0.0F);
  return {_mm256_andnot_ps(sign, a.low), _mm256_andnot_ps(sign, a.high)};
}
SKALD_INLINE Vec copysign(Vec a, Vec b) {
  const __m256 sign = _mm256_set1_ps(-0.0F);
  const Vec magnitude = abs(a);
  return {_mm256_or_ps(magnitude.low, _mm256_and_ps(sign, b.low)),
          _mm256_or_ps(magnitude.high, _mm256_and_ps(sign, b.high))};
}
SKALD_INLINE __m256 add_exponent(__m256 a, __m256 b) {
  const __m256i shifted = _mm256_slli_epi32(_mm256_castps_si256(b), 23);
  return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(a), shifted));
}
SKALD_INLINE Vec add_exponent(Vec a, Vec b) { return {add_exponent(a.low, b.low), add_exponent(a.high, b.high)}; }

SKALD_INLINE float sum(Vec a) {
  const __m256 eight = _mm256_add_ps(a.low, a.high);
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}
/// Lanes of a and b that `kLow` picks plus those that `kHigh` picks, within each quarter.
template <int kLow, int kHigh>
SKALD_INLINE __m256 fold_within(__m256 a, __m256 b) {
  return _mm256_add_ps(_mm256_shuffle_ps(a, b, kLow), _mm256_shuffle_ps(a, b, kHigh));
}
/// The halves of a and b onto each other: four sums of each.
SKALD_INLINE __m256 fold_halves(Vec a, Vec b) {
  const __m256 x = _mm256_add_ps(a.low, a.high);
  const __m256 y = _mm256_add_ps(b.low, b.high);
  return _mm256_add_ps(_mm256_permute2f128_ps(x, y, 0x20), _mm256_permute2f128_ps(x, y, 0x31));
}
/// Sums of eight: one of each quarter of four, so that lane i is sum(a[i]).
SKALD_INLINE __m256 sums_of_eight(const Vec* a) {
  const __m256 low = fold_within<0x44, 0xee>(fold_halves(a[0], a[4]), fold_halves(a[1], a[5]));
  const __m256 high = fold_within<0x44, 0xee>(fold_halves(a[2], a[6]), fold_halves(a[3], a[7]));
  return fold_within<0x88, 0xdd>(low, high);
}
SKALD_INLINE Vec sums(const Vec (&a)[16]) { return {sums_of_eight(a), sums_of_eight(a + 8)}; }
SKALD_INLINE float largest(Vec a) {
  const __m256 eight = _mm256_max_ps(a.low, a.high);
  const __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
}
SKALD_INLINE float first(Vec a) { return _mm256_cvtss_f32(a.low); }

struct Bytes {
  __m256i low, high;
};
struct IVec {
  __m256i low, high;
};
struct Lookup {
  __m256i v;
};

SKALD_INLINE Bytes load_bytes(const std::byte* p) {
  return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)),
          _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + 32))};
}
SKALD_INLINE void store_bytes(Bytes a, std::byte* p) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), a.low);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p + 32), a.high);
}
template <int kFrom, int kBits, int kTo>
SKALD_INLINE __m256i field(__m256i a) {
  constexpr int kShift = kFrom - kTo;
  if constexpr (kShift > 0) a = _mm256_srli_epi16(a, kShift);
  if constexpr (kShift < 0) a = _mm256_slli_epi16(a, -kShift);
  return _mm256_and_si256(a, _mm256_set1_epi8(static_cast<char>(((1 << kBits) - 1) << kTo)));
}
template <int kFrom, int kBits, int kTo>
SKALD_INLINE Bytes field(Bytes a) {
  return {field<kFrom, kBits, kTo>(a.low), field<kFrom, kBits, kTo>(a.high)};
}
SKALD_INLINE Bytes operator|(Bytes a, Bytes b) {
  return {_mm256_or_si256(a.low, b.low), _mm256_or_si256(a.high, b.high)};
}
SKALD_INLINE Bytes add_bytes(Bytes a, int n) {
  const __m256i addend = _mm256_set1_epi8(static_cast<char>(n));
  return {_mm256_add_epi8(a.low, addend), _mm256_add_epi8(a.high, addend)};
}
struct Lookup128 {
  Lookup part[8];
};
template <class Table>
SKALD_INLINE Table load_lookup(const std::uint8_t* table);
template <>
SKALD_INLINE Lookup load_lookup<Lookup>(const std::uint8_t* table) {
  return {_mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(table)))};
}
template <>
SKALD_INLINE Lookup128 load_lookup<Lookup128>(const std::uint8_t* table) {
  Lookup128 r;
  for (int i = 0; i < 8; ++i) r.part[i] = load_lookup<Lookup>(table + 16 * i);
  return r;
}
SKALD_INLINE Bytes look_up(Lookup table, Bytes a) {
  return {_mm256_shuffle_epi8(table.v, a.low), _mm256_shuffle_epi8(table.v, a.high)};
}

SKALD_INLINE __m256i look_up(const Lookup128& table, __m256i a, __m256i table_bits) {
  const __m256i odd = _mm256_slli_epi16(table_bits, 3);  // the bit that a blend looks at
  const __m256i second = _mm256_slli_epi16(table_bits, 2);
  const __m256i third = _mm256_slli_epi16(table_bits, 1);
  const auto part = [&](int i) { return _mm256_shuffle_epi8(table.part[i].v, a); };
  const auto pair = [&](int i) { return _mm256_blendv_epi8(part(i), part(i + 1), odd); };
  const auto four = [&](int i) { return _mm256_blendv_epi8(pair(i), pair(i + 2), second); };
  return _mm256_blendv_epi8(four(0), four(4), third);
}
SKALD_INLINE Bytes look_up(const Lookup128& table, Bytes a, Bytes table_bits) {
  return {look_up(table, a.low, table_bits.low), look_up(table, a.high, table_bits.high)};
}
template <int kIndex>
SKALD_INLINE __m256i spread_eight_bytes(const std::byte* p) {
  const __m256i numbers = _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  const __m256i bytes = _mm256_setr_epi32(0, 0x04040404, 0x08080808, 0x0c0c0c0c, 0, 0x04040404, 0x08080808, 0x0c0c0c0c);
  return _mm256_shuffle_epi8(numbers, _mm256_add_epi8(bytes, _mm256_set1_epi8(kIndex)));
}
template <int kIndex>
SKALD_INLINE Bytes spread_bytes(const std::byte* p) {
  return {spread_eight_bytes<kIndex>(p), spread_eight_bytes<kIndex>(p + 16)};
}

template <int kZero>
SKALD_INLINE IVec begin_dot(std::int32_t minus_x_sum) {
  const __m256i begin = _mm256_set1_epi32(kZero == kSignedZero ? 0 : kZero * minus_x_sum);
  return {begin, begin};
}
/// Pairs of products are at most 2 * 128 * 127 in 16 bits: those of signed levels by taking the sign from one to the
/// other factor.
template <int kZero>
SKALD_INLINE __m256i dot(__m256i acc, __m256i codes, __m256i x) {
  if constexpr (kZero == kSignedZero) {
    const __m256i levels = _mm256_xor_si256(codes, _mm256_set1_epi8(static_cast<char>(kSignedZero)));
    x = _mm256_sign_epi8(x, levels);
    codes = _mm256_abs_epi8(levels);
  }
  return _mm256_add_epi32(acc, _mm256_madd_epi16(_mm256_maddubs_epi16(codes, x), _mm256_set1_epi16(1)));
}
template <int kZero>
SKALD_INLINE IVec dot(IVec acc, Bytes codes, std::int32_t x) {
  const __m256i factors = _mm256_set1_epi32(x);
  return {dot<kZero>(acc.low, codes.low, factors), dot<kZero>(acc.high, codes.high, factors)};
}
SKALD_INLINE IVec operator+(IVec a, IVec b) {
  return {_mm256_add_epi32(a.low, b.low), _mm256_add_epi32(a.high, b.high)};
}
SKALD_INLINE Vec to_float(IVec a) { return {_mm256_cvtepi32_ps(a.low), _mm256_cvtepi32_ps(a.high)}; }

SKALD_INLINE IVec round(Vec a) { return {_mm256_cvtps_epi32(a.low), _mm256_cvtps_epi32(a.high)}; }
SKALD_INLINE void store_as_bytes(IVec a, std::int8_t* p) {
  const __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(a.low, a.high), 0xd8);
  const __m128i bytes = _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), bytes);
}
SKALD_INLINE std::int32_t sum(IVec a) {
  const __m256i eight = _mm256_add_epi32(a.low, a.high);
  const __m128i four = _mm_add_epi32(_mm256_castsi256_si128(eight), _mm256_extracti128_si256(eight, 1));
  const __m128i two = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4e));
  return _mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32(two, 0xb1)));
}

SKALD_INLINE __m128i load_eight_bytes(const std::byte* p) {
  return _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p));
}
SKALD_INLINE Vec load_signed_bytes(const std::byte* p) {
  return {_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(load_eight_bytes(p))),
          _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(load_eight_bytes(p + 8)))};
}
SKALD_INLINE __m256 power(__m256i e) {
  const __m256i normal = _mm256_slli_epi32(_mm256_sub_epi32(e, _mm256_set1_epi32(1)), 23);
  const __m256i tiny = _mm256_sllv_epi32(_mm256_set1_epi32(0x00200000), e);
  return _mm256_castsi256_ps(_mm256_blendv_epi8(normal, tiny, _mm256_cmpgt_epi32(_mm256_set1_epi32(2), e)));
}
SKALD_INLINE Vec load_powers(const std::byte* p) {
  return {power(_mm256_cvtepu8_epi32(load_eight_bytes(p))), power(_mm256_cvtepu8_epi32(load_eight_bytes(p + 8)))};
}

}  // namespace
}  // namespace skald::kernels::SKALD_ISA
