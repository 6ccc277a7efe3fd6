// The Mamba-2 mixer, https://arxiv.org/abs/2405.21060 (transformers: Mamba2Mixer): a short convolution and a selective
// state space in the place of attention.
#pragma once

#include <cstddef>
#include <vector>

#include "nn/blocks.h"
#include "nn/convolution.h"

namespace skald::nn {

struct Mamba2Spec {
  std::size_t n_heads = 0;
  std::size_t head_dim = 0;
  std::size_t state_size = 0;
  std::size_t n_groups = 0;  // divides n_heads: heads of a group share B and C, and are normalised together
  std::size_t taps = 0;      // of the convolution, 1 to kMaxConvTaps
  float step_low = 0;        // limits of the time step
  float step_high = 0;

  [[nodiscard]] std::size_t width() const { return n_heads * head_dim; }
  /// Channels of the convolution: x, B and C side by side.
  [[nodiscard]] std::size_t channels() const { return width() + 2 * n_groups * state_size; }
  /// Outputs of in_proj: the gate [width], what is convolved [channels], the time steps [n_heads].
  [[nodiscard]] std::size_t projected() const { return width() + channels() + n_heads; }
  /// StateGroup::bytes: the heads' states, then the last taps - 1 inputs of the convolution, all f32.
  [[nodiscard]] std::size_t state_bytes() const;
};

/// out_proj(rms_norm(scan(act(conv(in_proj(h)))) * silu(gate))), the rows of a sequence in order. How they are cut into
/// passes changes no bit.
struct Mamba2 {
  Mamba2Spec spec;
  Linear in_proj, out_proj;
  Convolution convolution;           // of x, B and C
  std::vector<float> dt_bias, a, d;  // [n_heads]; a = -exp(A_log)
  std::vector<Norm> norms;           // [n_groups] over width / n_groups values

  /// x [rows, hidden], updated in place. `layer` is one of a recurrent group.
  void add_to(float* x, const Residual& around, int layer, const Context& context) const;

 private:
  void scan(const float* projected, const float* convolved, float* y, int layer, const Context& context) const;
  void gate_and_norm(const float* projected, float* y, const Context& context) const;
};

}  // namespace skald::nn
