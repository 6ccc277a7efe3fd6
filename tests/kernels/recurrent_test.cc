// The kernels of recurrent layers: against exact arithmetic, bit by bit against the scalar table, and however the rows
// are cut.
#include "kernels/recurrence.h"
#include "support.h"

namespace skald::kernels {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();

class RecurrentTest : public TableTest {
 protected:
  static const KernelTable& scalar() { return *find_table("scalar"); }
};

TEST_P(RecurrentTest, Convolve) {
  for (const std::size_t channels : {1, 15, 16, 17, 50, 96}) {
    for (const std::size_t taps : {1, 2, 4, 7}) {
      const std::vector<float> weight = random_floats(taps * channels, 1);
      const std::vector<float> bias = random_floats(channels, 2);
      const std::vector<float> rows = random_floats(taps * channels, 3);
      std::vector<const float*> inputs(taps);
      for (std::size_t t = 0; t < taps; ++t) inputs[t] = rows.data() + t * channels;
      if (taps > 2) inputs[0] = nullptr;
      const ConvRow row{inputs.data(), weight.data(), bias.data(), taps, channels};
      std::vector<float> y(channels);
      table().convolve(row, 0, channels, y.data());
      for (std::size_t i = 0; i < channels; ++i) {
        double want = bias[i];
        for (std::size_t t = taps > 2 ? 1 : 0; t < taps; ++t) {
          want += static_cast<double>(weight[t * channels + i]) * rows[t * channels + i];
        }
        ASSERT_NEAR(y[i], want, 1e-5);
      }
      std::vector<float> other(channels);
      scalar().convolve(row, 0, channels, other.data());
      ASSERT_TRUE(same_bits(y, other)) << channels;
      std::vector<float> parts(channels, kInf);
      table().convolve(row, 0, channels / 3, parts.data());
      table().convolve(row, channels / 3, channels, parts.data());
      ASSERT_TRUE(same_bits(y, parts)) << channels;
    }
  }
}

TEST_P(RecurrentTest, ConvolveWithoutBias) {
  const std::vector<float> weight{2, 3};
  const std::vector<float> x{5, 7};
  const float* const inputs[] = {x.data()};
  std::vector<float> y(2);
  table().convolve({inputs, weight.data(), nullptr, 1, 2}, 0, 2, y.data());
  EXPECT_EQ(y, (std::vector<float>{10, 21}));
}

// Random inputs of one head, and the calls over them.
struct ScanCase {
  static constexpr std::size_t kRows = 9;
  std::size_t head_dim, state_size;
  std::size_t pitch = scan_pitch(head_dim);
  std::size_t stride = head_dim + 2 * state_size + 3;
  std::vector<float> in = random_floats(kRows * stride, 4);
  std::vector<float> dt = random_floats(kRows * 2, 5, 3.0F);
  std::vector<float> initial = random_floats(state_size * pitch, 6);

  [[nodiscard]] ScanHead rows(std::size_t begin, std::size_t end, const float* before, float* after, float* y) const {
    const float* const row = in.data() + begin * stride;
    return {.x = row,
            .b = row + head_dim,
            .c = row + head_dim + state_size,
            .stride = stride,
            .dt = dt.data() + begin * 2,
            .dt_stride = 2,
            .dt_bias = -0.5F,
            .dt_low = 0.05F,
            .dt_high = 2.0F,
            .a = -0.7F,
            .d = 0.3F,
            .before = before,
            .after = after,
            .y = y + begin * head_dim,
            .y_stride = head_dim,
            .rows = end - begin,
            .head_dim = head_dim,
            .state_size = state_size};
  }
};

// The definition, in double. `state` [state_size, head_dim] is updated.
std::vector<double> exact_scan(const ScanCase& c, std::vector<double>& state) {
  std::vector<double> y(ScanCase::kRows * c.head_dim);
  for (std::size_t r = 0; r < ScanCase::kRows; ++r) {
    const float* const row = c.in.data() + r * c.stride;
    const double step = std::clamp(std::log1p(std::exp(static_cast<double>(c.dt[r * 2]) - 0.5)), 0.05, 2.0);
    for (std::size_t i = 0; i < c.head_dim; ++i) {
      double& out = y[r * c.head_dim + i];
      out = static_cast<double>(0.3F) * row[i];
      for (std::size_t n = 0; n < c.state_size; ++n) {
        double& s = state[n * c.head_dim + i];
        s = std::exp(step * static_cast<double>(-0.7F)) * s + step * row[i] * row[c.head_dim + n];
        out += s * row[c.head_dim + c.state_size + n];
      }
    }
  }
  return y;
}

TEST_P(RecurrentTest, Scan) {
  for (const std::size_t head_dim : {1, 15, 16, 33, 64, 80}) {
    for (const std::size_t state_size : {1, 7, 16, 128}) {
      const ScanCase c{.head_dim = head_dim, .state_size = state_size};
      std::vector<double> exact(state_size * head_dim);
      for (std::size_t n = 0; n < state_size; ++n) {
        for (std::size_t i = 0; i < head_dim; ++i) exact[n * head_dim + i] = c.initial[n * c.pitch + i];
      }
      const std::vector<double> want = exact_scan(c, exact);
      std::vector<float> y(want.size());
      std::vector<float> state(c.initial.size());
      table().scan(c.rows(0, ScanCase::kRows, c.initial.data(), state.data(), y.data()));
      for (std::size_t i = 0; i < y.size(); ++i) ASSERT_NEAR(y[i], want[i], 1e-4);
      for (std::size_t n = 0; n < state_size; ++n) {
        for (std::size_t i = 0; i < head_dim; ++i) {
          ASSERT_NEAR(state[n * c.pitch + i], exact[n * head_dim + i], 1e-5);
        }
      }
      std::vector<float> y_scalar(y.size());
      std::vector<float> state_scalar(state.size());
      scalar().scan(c.rows(0, ScanCase::kRows, c.initial.data(), state_scalar.data(), y_scalar.data()));
      ASSERT_TRUE(same_bits(y, y_scalar)) << head_dim;
      ASSERT_TRUE(same_bits(state, state_scalar)) << head_dim;
    }
  }
}

TEST_P(RecurrentTest, ScanInPartsGivesTheSameBits) {
  for (const std::size_t head_dim : {5, 64}) {
    const ScanCase c{.head_dim = head_dim, .state_size = 24};
    std::vector<float> y(ScanCase::kRows * head_dim);
    std::vector<float> state(c.initial.size(), kInf);
    table().scan(c.rows(0, ScanCase::kRows, nullptr, state.data(), y.data()));
    std::vector<float> y_parts(y.size());
    std::vector<float> states[2] = {std::vector<float>(state.size(), 0.0F), std::vector<float>(state.size(), kInf)};
    std::size_t n = 0;
    for (std::size_t row = 0; row < ScanCase::kRows; row += 2, ++n) {  // first from a state of explicit zeros
      const std::size_t end = std::min(row + 2, ScanCase::kRows);
      table().scan(c.rows(row, end, states[n % 2].data(), states[1 - n % 2].data(), y_parts.data()));
    }
    EXPECT_TRUE(same_bits(y, y_parts)) << head_dim;
    EXPECT_TRUE(same_bits(state, states[n % 2])) << head_dim;
  }
}

// Inputs of a scan over channels, and the calls over parts of them.
struct ChannelCase {
  static constexpr std::size_t kRows = 7;
  std::size_t channels, state_size;
  std::size_t pitch = scan_pitch(channels);
  std::vector<float> x = random_floats(kRows * channels, 7);
  std::vector<float> steps = random_floats(kRows * channels, 8, 2.0F);
  std::vector<float> bc = random_floats(kRows * 2 * state_size, 9);
  std::vector<float> a = decays();
  std::vector<float> d = random_floats(channels, 10);
  std::vector<float> initial = random_floats(state_size * pitch, 11);

  [[nodiscard]] std::vector<float> decays() const {
    std::vector<float> out(state_size * pitch);
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = -0.1F * static_cast<float>(1 + i % 9);
    return out;
  }
  [[nodiscard]] ChannelScan rows(std::size_t begin, std::size_t end, const float* before, float* after,
                                 float* y) const {
    return {.x = x.data() + begin * channels,
            .steps = steps.data() + begin * channels,
            .b = bc.data() + begin * 2 * state_size,
            .c = bc.data() + begin * 2 * state_size + state_size,
            .bc_stride = 2 * state_size,
            .a = a.data(),
            .d = d.data(),
            .before = before,
            .after = after,
            .y = y + begin * channels,
            .rows = end - begin,
            .channels = channels,
            .state_size = state_size};
  }
};

TEST_P(RecurrentTest, ScanChannels) {
  for (const std::size_t channels : {1, 16, 33, 80}) {
    for (const std::size_t state_size : {1, 7, 16}) {
      const ChannelCase c{.channels = channels, .state_size = state_size};
      std::vector<float> y(ChannelCase::kRows * channels);
      std::vector<float> state(c.initial.size(), kInf);
      recurrences(table()).scan_channels(c.rows(0, ChannelCase::kRows, c.initial.data(), state.data(), y.data()), 0,
                                         channels);
      for (std::size_t i = 0; i < channels; ++i) {
        std::vector<double> exact(state_size);
        for (std::size_t n = 0; n < state_size; ++n) exact[n] = c.initial[n * c.pitch + i];
        for (std::size_t r = 0; r < ChannelCase::kRows; ++r) {
          const double x = c.x[r * channels + i];
          const double step = std::log1p(std::exp(static_cast<double>(c.steps[r * channels + i])));
          double want = c.d[i] * x;
          for (std::size_t n = 0; n < state_size; ++n) {
            const float* const b = c.bc.data() + r * 2 * state_size + n;
            exact[n] = std::exp(step * c.a[n * c.pitch + i]) * exact[n] + step * x * b[0];
            want += exact[n] * b[state_size];
          }
          ASSERT_NEAR(y[r * channels + i], want, 1e-4);
        }
        for (std::size_t n = 0; n < state_size; ++n) ASSERT_NEAR(state[n * c.pitch + i], exact[n], 1e-4);
      }
      // Cut anywhere, and on the scalar table: the same bits.
      std::vector<float> y_parts(y.size());
      std::vector<float> middle(state.size()), last(state.size());
      recurrences(scalar()).scan_channels(c.rows(0, 3, c.initial.data(), middle.data(), y_parts.data()), 0, channels);
      const ChannelScan rest = c.rows(3, ChannelCase::kRows, middle.data(), last.data(), y_parts.data());
      recurrences(scalar()).scan_channels(rest, 0, std::min<std::size_t>(16, channels));
      if (channels > 16) recurrences(scalar()).scan_channels(rest, 16, channels);
      ASSERT_TRUE(same_bits(y, y_parts)) << channels;
      ASSERT_TRUE(same_bits(state, last)) << channels;
    }
  }
}

TEST_P(RecurrentTest, DecayingMean) {
  constexpr std::size_t kRows = 9;
  for (const std::size_t channels : {1, 16, 33, 80}) {
    const std::size_t pitch = scan_pitch(channels);
    const std::vector<float> keys = random_floats(kRows * channels, 12, 4.0F);
    const std::vector<float> values = random_floats(kRows * channels, 13);
    std::vector<float> decay = random_floats(channels, 14);
    for (float& rate : decay) rate = -std::exp(rate);
    const std::vector<float> first = random_floats(channels, 15);
    const auto run = [&](const KernelTable& kernels, std::size_t begin, std::size_t end, const float* before,
                         float* after, float* y) {
      recurrences(kernels).decaying_mean({.keys = keys.data() + begin * channels,
                                          .values = values.data() + begin * channels,
                                          .decay = decay.data(),
                                          .first = first.data(),
                                          .before = before,
                                          .after = after,
                                          .y = y + begin * channels,
                                          .rows = end - begin,
                                          .channels = channels},
                                         0, channels);
    };
    std::vector<float> y(kRows * channels), parts(y.size());
    std::vector<float> state(3 * pitch), middle(state.size()), last(state.size());
    run(table(), 0, kRows, nullptr, state.data(), y.data());
    run(scalar(), 0, 4, nullptr, middle.data(), parts.data());
    run(scalar(), 4, kRows, middle.data(), last.data(), parts.data());
    EXPECT_TRUE(same_bits(y, parts)) << channels;
    EXPECT_TRUE(same_bits(state, last)) << channels;
    for (std::size_t i = 0; i < channels; ++i) {
      double numerator = 0;
      double denominator = 0;
      for (std::size_t r = 0; r < kRows; ++r) {
        const double key = keys[r * channels + i];
        const double value = values[r * channels + i];
        const double now = std::exp(first[i] + key);
        ASSERT_NEAR(y[r * channels + i], (numerator + now * value) / (denominator + now), 1e-4);
        numerator = std::exp(static_cast<double>(decay[i])) * numerator + std::exp(key) * value;
        denominator = std::exp(static_cast<double>(decay[i])) * denominator + std::exp(key);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Tables, RecurrentTest, testing::ValuesIn(kTableNames), table_name);

}  // namespace
}  // namespace skald::kernels
