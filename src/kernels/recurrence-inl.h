// The kernels of recurrence.h. A table's source includes a Vec, math-inl.h and elementwise-inl.h, then this.

namespace skald::kernels::SKALD_ISA {
namespace {

/// softplus of the first n lanes at x, zeros elsewhere.
SKALD_INLINE Vec softplus_some(const float* x, std::size_t n) {
  float steps[kLanes] = {};
  for (std::size_t lane = 0; lane < n && lane < kLanes; ++lane) steps[lane] = softplus(x[lane]);
  return load(steps);
}

// The states of a Vec of channels stay in the nearest cache while the rows pass.
inline void scan_channels(const ChannelScan& s, std::size_t begin, std::size_t end) {
  const std::size_t pitch = scan_pitch(s.channels);
  for (std::size_t i = begin; i < end; i += kLanes) {
    const std::size_t lanes = end - i;
    const Vec d = load_some(s.d + i, lanes);
    const float* before = s.before;
    for (std::size_t row = 0; row < s.rows; ++row, before = s.after) {
      const std::size_t at = row * s.channels + i;
      const float* const b = s.b + row * s.bc_stride;
      const float* const c = s.c + row * s.bc_stride;
      const Vec step = softplus_some(s.steps + at, lanes);
      const Vec x = load_some(s.x + at, lanes);
      const Vec input = step * x;
      Vec output = zero();
      for (std::size_t n = 0; n < s.state_size; ++n) {
        const Vec old = before == nullptr ? zero() : load(before + n * pitch + i);
        const Vec state = fma(old, exp(step * load(s.a + n * pitch + i)), input * splat(b[n]));
        store(state, s.after + n * pitch + i);
        output = fma(state, splat(c[n]), output);
      }
      store_some(fma(x, d, output), s.y + at, lanes);
    }
  }
}

inline void decaying_mean(const DecayingMean& m, std::size_t begin, std::size_t end) {
  const std::size_t pitch = scan_pitch(m.channels);
  for (std::size_t i = begin; i < end; i += kLanes) {
    const std::size_t lanes = end - i;
    const Vec decay = load_some(m.decay + i, lanes);
    const Vec first = load_some(m.first + i, lanes);
    Vec numerator = m.before == nullptr ? zero() : load(m.before + i);
    Vec denominator = m.before == nullptr ? zero() : load(m.before + pitch + i);
    Vec largest = m.before == nullptr ? splat(-1e30F) : load(m.before + 2 * pitch + i);
    for (std::size_t at = i; at < m.rows * m.channels; at += m.channels) {
      const Vec key = load_some(m.keys + at, lanes);
      const Vec value = load_some(m.values + at, lanes);
      const Vec most = max(largest, key + first);
      const Vec old = exp(largest - most);
      const Vec now = exp(key + first - most);
      store_some(fma(old, numerator, now * value) / fma(old, denominator, now), m.y + at, lanes);
      const Vec next = max(largest + decay, key);
      const Vec kept = exp(largest + decay - next);
      const Vec added = exp(key - next);
      numerator = fma(kept, numerator, added * value);
      denominator = fma(kept, denominator, added);
      largest = next;
    }
    store(numerator, m.after + i);
    store(denominator, m.after + pitch + i);
    store(largest, m.after + 2 * pitch + i);
  }
}

}  // namespace
}  // namespace skald::kernels::SKALD_ISA
