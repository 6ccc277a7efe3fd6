// Recurrences whose channels decay each at rates of its own. They ask for vectors alone, so that a few tables serve all
// instruction sets of kernels.h.
#pragma once

#include "kernels/kernels.h"

namespace skald::kernels {

/// A selective state space whose channels decay each at rates of its own, over neighbouring rows of a sequence,
/// https://arxiv.org/abs/2312.00752 : with step = softplus(steps[i]), row after row and channel by channel
///   state[n][i] = exp(step * a[n][i]) * state[n][i] + step * x[i] * b[n]
///   y[i] = sum over n of c[n] * state[n][i] + d[i] * x[i]
struct ChannelScan {
  const float* x;      // [rows, channels]
  const float* steps;  // [rows, channels]
  const float* b;      // [rows, state_size], rows bc_stride apart
  const float* c;      // [rows, state_size]
  std::size_t bc_stride;
  const float* a;       // [state_size, scan_pitch(channels)]
  const float* d;       // [channels]
  const float* before;  // [state_size, scan_pitch(channels)] the state before the first row; nullptr: zeros
  float* after;         // the state after the last one, of the same form; not `before`
  float* y;             // [rows, channels]
  std::size_t rows, channels, state_size;
};

/// A mean of values whose weights decay, over neighbouring rows of a sequence, https://arxiv.org/abs/2305.13048 : row
/// after row and channel by channel, with all exponents kept relative to the largest one,
///   y = (num + e^(first + key) * value) / (den + e^(first + key))
///   num = e^decay * num + e^key * value      den = e^decay * den + e^key
struct DecayingMean {
  const float* keys;    // [rows, channels]
  const float* values;  // [rows, channels]
  const float* decay;   // [channels]
  const float* first;   // [channels]
  const float* before;  // [3, scan_pitch(channels)] num and den, times e^-largest, and largest; nullptr: no rows yet
  float* after;         // the same after the last row; not `before`
  float* y;             // [rows, channels]
  std::size_t rows, channels;
};

/// For channels in [begin, end), begin a multiple of 16: the same bits however rows and channels are cut into calls,
/// and in every table.
struct RecurrenceTable {
  void (*scan_channels)(const ChannelScan& scan, std::size_t begin, std::size_t end);
  void (*decaying_mean)(const DecayingMean& mean, std::size_t begin, std::size_t end);
};

/// The widest that a machine with `table` can run.
const RecurrenceTable& recurrences(const KernelTable& table);

}  // namespace skald::kernels
