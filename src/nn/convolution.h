// The short causal convolution of recurrent layers: every channel sees its own last few rows of a sequence.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "base/function_ref.h"
#include "nn/recurrent.h"

namespace skald::nn {

inline constexpr std::size_t kMaxConvTaps = 32;

struct Convolution {
  std::size_t taps = 0;  // 1 to kMaxConvTaps
  std::size_t channels = 0;
  std::vector<float> weight = {};  // [taps, channels], the oldest row's first
  std::vector<float> bias = {};    // [channels] or empty
  std::optional<kernels::Activation> activation = {};

  /// Of a sequence its last taps - 1 inputs, [taps - 1, channels], the oldest first.
  using StateOf = FunctionRef<StatePart(const SequenceRun& run)>;

  /// y [rows, channels] from x [rows, channels], whose rows are `stride` apart. How the rows of a sequence are cut into
  /// passes changes no bit.
  void forward(const float* x, std::size_t stride, float* y, StateOf state_of, const Context& context) const;
};

}  // namespace skald::nn
