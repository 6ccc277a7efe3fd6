// The kernels of recurrent layers: the short causal convolution and the selective state space.

namespace skald::kernels::SKALD_ISA {
namespace {

inline void convolve(const ConvRow& row, std::size_t begin, std::size_t end, float* y) {
  for (std::size_t i = begin; i < end; i += kLanes) {
    const std::size_t n = end - i;
    Vec total = row.bias == nullptr ? zero() : load_some(row.bias + i, n);
    for (std::size_t t = 0; t < row.taps; ++t) {
      if (row.inputs[t] == nullptr) continue;
      total = fma(load_some(row.weight + t * row.channels + i, n), load_some(row.inputs[t] + i, n), total);
    }
    store_some(total, y + i, n);
  }
}

/// kStrips neighbouring Vecs of a head from element `first` on: one token. Elements of a head do not meet, so that the
/// width of a strip is free; the state's inputs are added in ascending order.
template <int kStrips>
SKALD_INLINE void scan_strips(const ScanHead& head, std::size_t row, std::size_t first, float step, float decay,
                              const float* before) {
  const std::size_t pitch = scan_pitch(head.head_dim);
  const float* const x = head.x + row * head.stride + first;
  const float* const b = head.b + row * head.stride;
  const float* const c = head.c + row * head.stride;
  float* const y = head.y + row * head.y_stride + first;
  const std::size_t left = head.head_dim - first;
  Vec input[kStrips];
  Vec output[kStrips];
  SKALD_UNROLL
  for (int s = 0; s < kStrips; ++s) {
    input[s] = load_some(x + s * kLanes, left - s * kLanes) * splat(step);
    output[s] = zero();
  }
  for (std::size_t n = 0; n < head.state_size; ++n) {
    const Vec in = splat(b[n]);
    const Vec out = splat(c[n]);
    SKALD_UNROLL
    for (int s = 0; s < kStrips; ++s) {
      const std::size_t at = n * pitch + first + s * kLanes;
      const Vec state = fma(load(before + at), splat(decay), input[s] * in);
      store(state, head.after + at);
      output[s] = fma(state, out, output[s]);
    }
  }
  SKALD_UNROLL
  for (int s = 0; s < kStrips; ++s) {
    const std::size_t n = left - s * kLanes;
    store_some(fma(load_some(x + s * kLanes, n), splat(head.d), output[s]), y + s * kLanes, n);
  }
}

inline void scan(const ScanHead& head) {
  constexpr int kStrips = kAccumulators >= 8 ? 4 : 2;  // two values of each stay in registers
  const float* before = head.before;
  if (before == nullptr) {
    std::memset(head.after, 0, head.state_size * scan_pitch(head.head_dim) * sizeof(float));
    before = head.after;
  }
  for (std::size_t row = 0; row < head.rows; ++row) {
    const float raw = softplus(head.dt[row * head.dt_stride] + head.dt_bias);
    const float step = raw < head.dt_low ? head.dt_low : raw > head.dt_high ? head.dt_high : raw;
    const float decay = first(exp(splat(step * head.a)));
    std::size_t i = 0;
    for (; i + kStrips * kLanes <= head.head_dim; i += kStrips * kLanes) {
      scan_strips<kStrips>(head, row, i, step, decay, before);
    }
    for (; i < head.head_dim; i += kLanes) scan_strips<1>(head, row, i, step, decay, before);
    before = head.after;
  }
}

}  // namespace
}  // namespace skald::kernels::SKALD_ISA
