// Norms, activations, rotations and the other kernels of one row.

namespace skald::kernels::SKALD_ISA {
namespace {

/// The first n of sixteen lanes, or all of them where n is larger.
SKALD_INLINE Vec load_some(const float* p, std::size_t n) { return n < kLanes ? load_first(p, n) : load(p); }
SKALD_INLINE void store_some(Vec v, float* p, std::size_t n) { n < kLanes ? store_first(v, p, n) : store(v, p); }

/// Running sums over one row: `accumulate(v, total)` for each Vec v of it, into four totals in turn, so that rows of
/// every length have one order. Lanes past the end are 0.
template <class Accumulate>
inline float reduce(const float* x, std::size_t n, Accumulate accumulate) {
  Vec sums[4] = {zero(), zero(), zero(), zero()};
  std::size_t i = 0;
  for (; i + 4 * kLanes <= n; i += 4 * kLanes) {
    for (int s = 0; s < 4; ++s) sums[s] = accumulate(load(x + i + s * kLanes), sums[s]);
  }
  for (int s = 0; i < n; ++s, i += kLanes) {
    sums[s] = accumulate(n - i < kLanes ? load_first(x + i, n - i) : load(x + i), sums[s]);
  }
  return sum((sums[0] + sums[1]) + (sums[2] + sums[3]));
}

struct AddSquare {
  SKALD_INLINE Vec operator()(Vec v, Vec total) const { return fma(v, v, total); }
};
struct AddPlain {
  SKALD_INLINE Vec operator()(Vec v, Vec total) const { return total + v; }
};

inline void rms_norm(const float* x, const float* gain, std::size_t n, float eps, float* y) {
  const float mean = reduce(x, n, AddSquare{}) / static_cast<float>(n);
  const Vec inverse = splat(1.0F / __builtin_sqrtf(mean + eps));
  for (std::size_t i = 0; i < n; i += kLanes) {
    store_some(load_some(x + i, n - i) * inverse * load_some(gain + i, n - i), y + i, n - i);
  }
}

/// Two passes, as the differences from the mean are what is squared: y holds them in between.
inline void layer_norm(const float* x, const float* gain, const float* bias, std::size_t n, float eps, float* y) {
  const float mean = reduce(x, n, AddPlain{}) / static_cast<float>(n);
  for (std::size_t i = 0; i < n; ++i) y[i] = x[i] - mean;
  const float variance = reduce(y, n, AddSquare{}) / static_cast<float>(n);
  const float inverse = 1.0F / __builtin_sqrtf(variance + eps);
  for (std::size_t i = 0; i < n; ++i) y[i] = y[i] * inverse * gain[i];
  if (bias == nullptr) return;
  for (std::size_t i = 0; i < n; ++i) y[i] += bias[i];
}

struct Silu {
  static SKALD_INLINE Vec apply(Vec x) { return x / (splat(1.0F) + exp(zero() - x)); }
};
struct GeluErf {
  static SKALD_INLINE Vec apply(Vec x) {
    return splat(0.5F) * x * (splat(1.0F) + erf(x * splat(0.70710678118654752F)));
  }
};
struct GeluTanh {
  static SKALD_INLINE Vec apply(Vec x) {
    const Vec inner = splat(0.79788456080286536F) * fma(splat(0.044715F) * x * x, x, x);  // sqrt(2 / pi)
    return splat(0.5F) * x * (splat(1.0F) + tanh(inner));
  }
};
struct Relu {
  static SKALD_INLINE Vec apply(Vec x) { return max(zero(), x); }
};

struct Sigmoid {
  static SKALD_INLINE Vec apply(Vec x) { return splat(1.0F) / (splat(1.0F) + exp(zero() - x)); }
};

template <class F>
void activate_with(const float* gate, const float* up, std::size_t n, float* y) {
  std::size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    const Vec a = F::apply(load(gate + i));
    store(up == nullptr ? a : a * load(up + i), y + i);
  }
  if (i == n) return;
  const Vec a = F::apply(load_first(gate + i, n - i));
  store_first(up == nullptr ? a : a * load_first(up + i, n - i), y + i, n - i);
}

inline void activate(Activation activation, const float* gate, const float* up, std::size_t n, float* y) {
  switch (activation) {
    case Activation::silu: return activate_with<Silu>(gate, up, n, y);
    case Activation::gelu_erf: return activate_with<GeluErf>(gate, up, n, y);
    case Activation::gelu_tanh: return activate_with<GeluTanh>(gate, up, n, y);
    case Activation::relu: return activate_with<Relu>(gate, up, n, y);
    case Activation::sigmoid: return activate_with<Sigmoid>(gate, up, n, y);
  }
}

/// The smaller of x and limit; a NaN stays one.
SKALD_INLINE Vec at_most(Vec limit, Vec x) { return zero() - max(zero() - limit, zero() - x); }

inline void clamped_swiglu(float alpha, float limit, const float* gate, const float* up, std::size_t n, float* y) {
  const Vec high = splat(limit);
  for (std::size_t i = 0; i < n; i += kLanes) {
    const std::size_t rest = n - i;
    const Vec g = at_most(high, rest < kLanes ? load_first(gate + i, rest) : load(gate + i));
    const Vec u = max(zero() - high, at_most(high, rest < kLanes ? load_first(up + i, rest) : load(up + i)));
    const Vec out = (u + splat(1.0F)) * (g * Sigmoid::apply(g * splat(alpha)));
    if (rest < kLanes) {
      store_first(out, y + i, rest);
    } else {
      store(out, y + i);
    }
  }
}

inline void soft_cap(float cap, std::size_t n, float* x) {
  const Vec limit = splat(cap);
  std::size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(limit * tanh(load(x + i) / limit), x + i);
  if (i < n) store_first(limit * tanh(load_first(x + i, n - i) / limit), x + i, n - i);
}

inline void add(const float* y, std::size_t n, float* x) {
  for (std::size_t i = 0; i < n; i += kLanes) {
    store_some(load_some(x + i, n - i) + load_some(y + i, n - i), x + i, n - i);
  }
}

inline void add_scaled(float factor, const float* y, std::size_t n, float* x) {
  for (std::size_t i = 0; i < n; ++i) x[i] += factor * y[i];
}

/// Products and sum are rounded one by one, as x * cos + rotate_half(x) * sin is.
inline void rotate(const float* cos, const float* sin, std::size_t half, bool interleaved, float* head) {
  for (std::size_t i = 0; interleaved && i < half; ++i) {
    const float a = head[2 * i];
    const float b = head[2 * i + 1];
    head[2 * i] = a * cos[i] - b * sin[i];
    head[2 * i + 1] = b * cos[i] + a * sin[i];
  }
  for (std::size_t i = 0; !interleaved && i < half; i += kLanes) {
    const std::size_t n = half - i;
    const Vec a = load_some(head + i, n);
    const Vec b = load_some(head + half + i, n);
    const Vec c = load_some(cos + i, n);
    const Vec s = load_some(sin + i, n);
    store_some(a * c - b * s, head + i, n);
    store_some(b * c + a * s, head + half + i, n);
  }
}

inline float max_of(const float* x, std::size_t n) {
  Vec most[4];
  for (Vec& m : most) m = splat(-kInfinity);
  std::size_t i = 0;
  for (; i + 4 * kLanes <= n; i += 4 * kLanes) {
    for (int s = 0; s < 4; ++s) most[s] = max(load(x + i + s * kLanes), most[s]);
  }
  for (; i + kLanes <= n; i += kLanes) most[0] = max(load(x + i), most[0]);
  if (i < n) {
    const auto rest = static_cast<std::ptrdiff_t>(n - i);
    most[0] = max(select(lanes(0, rest), load_first(x + i, n - i), splat(-kInfinity)), most[0]);
  }
  return largest(max(max(most[0], most[1]), max(most[2], most[3])));
}

/// An infinite maximum is not subtracted: -inf alone gives ln 0 = -inf, +inf gives +inf, as torch.logsumexp does.
inline float log_sum_exp(const float* x, std::size_t n) {
  const float most = max_of(x, n);
  const float shift = __builtin_fabsf(most) == kInfinity ? 0.0F : most;
  Vec sums[4] = {zero(), zero(), zero(), zero()};
  std::size_t i = 0;
  for (; i + 4 * kLanes <= n; i += 4 * kLanes) {
    for (int s = 0; s < 4; ++s) sums[s] = sums[s] + exp(load(x + i + s * kLanes) - splat(shift));
  }
  for (int s = 0; i < n; ++s, i += kLanes) {
    const Vec v = n - i < kLanes ? load_first(x + i, n - i) : load(x + i);
    const auto rest = static_cast<std::ptrdiff_t>(n - i);
    sums[s] = sums[s] + select(lanes(0, rest), exp(v - splat(shift)), zero());
  }
  const float total = sum((sums[0] + sums[1]) + (sums[2] + sums[3]));
  if (total == 0.0F) return -kInfinity;
  if (!(total < kInfinity)) return total;  // +inf or NaN
  return static_cast<float>(log(total) + shift);
}

inline void softmax(std::size_t n, float* x) {
  const Vec most = splat(max_of(x, n));
  Vec sums = zero();
  for (std::size_t i = 0; i < n; i += kLanes) {
    const std::size_t rest = n - i;
    if (rest >= kLanes) {
      const Vec e = exp(load(x + i) - most);
      store(e, x + i);
      sums = sums + e;
    } else {
      const Vec e = exp(load_first(x + i, rest) - most);
      store_first(e, x + i, rest);
      sums = sums + select(lanes(0, static_cast<std::ptrdiff_t>(rest)), e, zero());
    }
  }
  const float total = sum(sums);
  for (std::size_t i = 0; i < n; ++i) x[i] /= total;
}

}  // namespace
}  // namespace skald::kernels::SKALD_ISA
