#include "nn/convolution.h"

#include <algorithm>
#include <array>

namespace skald::nn {
// Workers take ranges of channels, of all rows.
void Convolution::forward(const float* x, std::size_t stride, float* y, StateOf state_of,
                          const Context& context) const {
  const std::size_t kept = taps - 1;
  const auto run_channels = [&](const SequenceRun& run, std::size_t begin, std::size_t end) {
    const StatePart state = state_of(run);
    // Input `i` of the run, counted from `kept` before its first row.
    const auto input = [&](std::size_t i) -> const float* {
      if (i >= kept) return x + (run.begin + i - kept) * stride;
      return state.before == nullptr ? nullptr : state.before + i * channels;
    };
    std::array<const float*, kMaxConvTaps> inputs{};
    for (std::size_t r = run.begin; r < run.end; ++r) {
      for (std::size_t t = 0; t < taps; ++t) inputs[t] = input(r - run.begin + t);
      const kernels::ConvRow row{.inputs = inputs.data(),
                                 .weight = weight.data(),
                                 .bias = bias.empty() ? nullptr : bias.data(),
                                 .taps = taps,
                                 .channels = channels};
      float* const out = y + r * channels;
      kernels::table().convolve(row, begin, end, out);
      if (activation) kernels::table().activate(*activation, out + begin, nullptr, end - begin, out + begin);
    }
    for (std::size_t i = 0; i < kept; ++i) {
      const float* const from = input(run.end - run.begin + i);
      float* const to = state.after + i * channels;
      from == nullptr ? std::fill(to + begin, to + end, 0.0F) : void(std::copy(from + begin, from + end, to + begin));
    }
  };
  const std::size_t blocks = (channels + kChannelBlock - 1) / kChannelBlock;
  parallel_for(context, blocks, 1, context.rows.size() * channels * taps, [&](std::size_t begin, std::size_t end) {
    for (const SequenceRun& run : context.runs) {
      run_channels(run, begin * kChannelBlock, std::min(channels, end * kChannelBlock));
    }
  });
}

}  // namespace skald::nn
