// exp, erf and tanh: one of each, by polynomials fitted for this file (minimax on the stated range, coefficients
// rounded to float), evaluated with the same FMAs on every ISA.

namespace skald::kernels::SKALD_ISA {
namespace {

inline constexpr float kInfinity = std::numeric_limits<float>::infinity();
inline constexpr float kRoundMagic = 0x1.8p23F;  // adding it rounds to an integer, held in the low bits

/// e^x for x <= 0, or NaN: exp without its upper end.
SKALD_INLINE Vec exp_of_negative(Vec x) {
  const Vec shifted = fma(x, splat(0x1.715476p+0F), splat(kRoundMagic));  // kRoundMagic + n, n = round(x / ln 2)
  const Vec n = shifted - splat(kRoundMagic);
  Vec r = fma(n, splat(-0x1.62e43p-1F), x);
  r = fma(n, splat(0x1.05c61p-29F), r);  // x - n ln 2, in [-0.35, 0.35]
  Vec q = splat(0x1.6a244cp-10F);
  q = fma(q, r, splat(0x1.1239d4p-7F));
  q = fma(q, r, splat(0x1.5558f2p-5F));
  q = fma(q, r, splat(0x1.555492p-3F));
  q = fma(q, r, splat(0x1.fffffcp-2F));
  const Vec scaled = add_exponent(splat(1.0F) + fma(q * r, r, r), shifted);
  return select(less(x, splat(-0x1.5d589ep+6F)), zero(), scaled);  // ln 2^-126
}

/// e^x, error below 1 ulp. Results under 2^-126 become 0, over the largest float infinity; NaN stays NaN.
SKALD_INLINE Vec exp(Vec x) {
  const Vec low = exp_of_negative(x);
  return select(less(x, splat(0x1.62e430p+6F)), low, max(splat(0.0F), x) * splat(kInfinity));  // ln of the largest
}

/// tanh x, error below 2 ulp.
SKALD_INLINE Vec tanh(Vec x) {
  const Vec a = abs(x);
  const Vec far = splat(1.0F) - splat(2.0F) / (exp(a + a) + splat(1.0F));
  const Vec z = x * x;
  Vec q = splat(-0x1.75e1dap-8F);
  q = fma(q, z, splat(0x1.52269ep-6F));
  q = fma(q, z, splat(-0x1.b83c5ap-5F));
  q = fma(q, z, splat(0x1.110726p-3F));
  q = fma(q, z, splat(-0x1.555532p-2F));
  const Vec near = fma(q * z, x, x);
  return select(less(a, splat(0.625F)), near, copysign(far, x));
}

/// erf x, error below 2 ulp: x + x p(x²) near 0, else 1 - exp(x q(x)), q fitted to ln(erfc x) / x.
SKALD_INLINE Vec erf(Vec x) {
  const Vec a = abs(x);
  Vec q = splat(-0x1.4b6598p-18F);
  q = fma(q, a, splat(0x1.7e5c8ap-15F));
  q = fma(q, a, splat(0x1.9ff7b8p-15F));
  q = fma(q, a, splat(-0x1.800fcap-9F));
  q = fma(q, a, splat(0x1.737e3ap-6F));
  q = fma(q, a, splat(-0x1.af27f0p-4F));
  q = fma(q, a, splat(-0x1.4570aep-1F));
  q = fma(q, a, splat(-0x1.20e8c4p+0F));
  const Vec tail = splat(1.0F) - exp(q * a);
  const Vec far = select(less(splat(3.93F), a), splat(1.0F), tail);
  const Vec z = x * x;
  Vec p = splat(0x1.5e3554p-14F);
  p = fma(p, z, splat(-0x1.aaa874p-11F));
  p = fma(p, z, splat(0x1.54d3acp-8F));
  p = fma(p, z, splat(-0x1.b80fc2p-6F));
  p = fma(p, z, splat(0x1.ce2e18p-4F));
  p = fma(p, z, splat(-0x1.812744p-2F));
  p = fma(p, z, splat(0x1.06eba8p-3F));
  const Vec near = fma(p, x, x);
  return select(less(a, splat(0.925F)), near, copysign(far, x));
}

/// 2 atanh s, |s| < 0.172, error below 1e-16.
inline double twice_atanh(double s) {
  double series = 0.0;
  for (int i = 21; i >= 1; i -= 2) series = series * (s * s) + 1.0 / i;
  return 2.0 * s * series;
}

/// ln x of a positive finite double, error below 1e-15 relative to max(1, |ln x|): by atanh of (m - 1) / (m + 1).
inline double log(double x) {
  const auto bits = std::bit_cast<std::uint64_t>(x);
  int exponent = static_cast<int>(bits >> 52) - 1023;
  double m = std::bit_cast<double>((bits & 0xfffffffffffffULL) | 0x3ff0000000000000ULL);  // [1, 2)
  if (m > 1.4142135623730951) {
    m *= 0.5;
    ++exponent;
  }
  return exponent * 0.6931471805599453 + twice_atanh((m - 1.0) / (m + 1.0));
}

/// ln(1 + e^x), error below 2 ulp; x itself above 20, as torch has it. NaN stays NaN.
inline float softplus(float x) {
  if (!(x <= 20.0F)) return x;
  const double e = first(exp(splat(x)));
  return static_cast<float>(e < 0.4 ? twice_atanh(e / (2.0 + e)) : log(1.0 + e));
}

}  // namespace
}  // namespace skald::kernels::SKALD_ISA
