// The blocks of RWKV-4, https://arxiv.org/abs/2305.13048 (transformers: RwkvSelfAttention, RwkvFeedForward): every
// channel keeps a weighted mean of its values whose weights decay; products take a mix of a row and the one before it.
#pragma once

#include <cstddef>
#include <vector>

#include "nn/blocks.h"
#include "nn/convolution.h"

namespace skald::nn {

/// What a layer keeps of a sequence, all f32: the last input of its time mix and of its channel mix [hidden] each, then
/// the mean's numerator, denominator and exponent [3, scan_pitch(hidden)].
std::size_t rwkv_state_bytes(std::size_t hidden);

/// output(sigmoid(receptance(r)) * mean of value(v) with weights by key(k)).
struct RwkvTimeMix {
  Linear key, value, receptance, output;
  Convolution key_mix, value_mix, receptance_mix;  // of two taps
  std::vector<float> decay, first;                 // [hidden]; decay = -exp(time_decay)

  /// x [rows, hidden], updated in place. `around` has a norm before. `layer` is one of a recurrent group.
  void add_to(float* x, const Residual& around, int layer, const Context& context) const;

 private:
  void average(const float* keys, const float* values, float* y, int layer, const Context& context) const;
};

/// sigmoid(receptance(r)) * value(relu(key(k))²).
struct RwkvChannelMix {
  Linear key, value, receptance;
  Convolution key_mix, receptance_mix;

  void add_to(float* x, const Residual& around, int layer, const Context& context) const;
};

}  // namespace skald::nn
