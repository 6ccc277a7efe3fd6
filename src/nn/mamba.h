// The Mamba mixer, https://arxiv.org/abs/2312.00752 (transformers: MambaMixer): as Mamba-2's, but every channel decays
// at rates of its own, and its time step is a product.
#pragma once

#include <cstddef>
#include <vector>

#include "nn/blocks.h"
#include "nn/convolution.h"

namespace skald::nn {

struct MambaSpec {
  std::size_t width = 0;       // channels
  std::size_t state_size = 0;  // numbers that each keeps
  std::size_t step_rank = 0;
  std::size_t taps = 0;  // of the convolution, 1 to kMaxConvTaps

  /// StateGroup::bytes: the states, then the last taps - 1 inputs of the convolution, all f32.
  [[nodiscard]] std::size_t state_bytes() const;
};

/// out_proj(scan(act(conv(x))) * silu(gate)), where in_proj(h) is x and the gate, the rows of a sequence in order. How
/// they are cut into passes changes no bit.
struct Mamba {
  MambaSpec spec;
  Linear in_proj;    // [2 * width, hidden]
  Linear step_proj;  // [step_rank, width] and
  Linear bc_proj;    // [2 * state_size, width] of what is convolved: how the state is written, and read
  Linear dt_proj;    // [width, step_rank] with bias
  Linear out_proj;
  Convolution convolution;
  std::vector<float> a;  // [state_size, scan_pitch(width)] -exp(A_log)
  std::vector<float> d;  // [width]

  /// x [rows, hidden], updated in place. `layer` is one of a recurrent group.
  void add_to(float* x, const Residual& around, int layer, const Context& context) const;

 private:
  void scan(const float* convolved, const float* steps, const float* bc, float* y, int layer,
            const Context& context) const;
};

}  // namespace skald::nn
