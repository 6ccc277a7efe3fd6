// Multi-head latent attention, https://arxiv.org/abs/2405.04434 : the keys and values of all heads are products of one
// small vector per position, and that vector is all that the state keeps.
//
// With c the normed vector of a position, head h has the key [Kₕ c, r] and the value Vₕ c, where r is a rotated key of
// all heads. Nobody computes them: the score q·[Kₕ c, r] is [Kₕᵀ q, q_r]·[c, r], and the weighted sum of values is
// Vₕ (Σ p c). So heads attend to the stored vectors themselves, as if they were keys and, without r, values.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "nn/attention.h"
#include "nn/blocks.h"
#include "nn/context.h"
#include "nn/linear.h"
#include "nn/norm.h"

namespace skald::nn {

/// What a model calls its parts and sizes.
struct LatentAttention {
  std::optional<Linear> q_a_proj;  // [q_lora_rank, hidden]; none: q_b_proj takes the hidden state
  Norm q_a_layernorm;              // [q_lora_rank]
  Linear q_b_proj;                 // [n_heads * (nope_dim + rope_dim), q_lora_rank or hidden]
  Linear kv_a_proj_with_mqa;       // [rank + rope_dim, hidden]
  Norm kv_a_layernorm;             // [rank]
  std::vector<std::shared_ptr<const PackedMatrix>> key_up;    // [n_heads] of Kₕᵀ [rank, nope_dim]
  std::vector<std::shared_ptr<const PackedMatrix>> value_up;  // [n_heads] of Vₕ [value_dim, rank]
  Linear o_proj;                                              // [hidden, n_heads * value_dim]
  AttentionSpec spec;                                         // latent; kv_heads 1, k_dim rank + rope_dim, v_dim rank
  bool interleaved = false;  // pairs (2i, 2i + 1) are rotated instead of (i, i + rope_dim / 2)

  /// x [rows, hidden], updated in place. Stores the vectors of all rows in the state of `layer`, of a latent group.
  void add_to(float* x, const Residual& norms, int layer, const Context& context) const;

 private:
  [[nodiscard]] std::size_t rope_dim() const { return spec.k_dim - spec.v_dim; }
  [[nodiscard]] std::size_t nope_dim() const { return key_up[0]->columns(); }
  void project(const float* x, const Norm* before, float* q, float* latent, const Context& context) const;
  void rotate_and_store(int layer, float* q, float* latent, float* absorbed, const Context& context) const;
};

/// Rows of several heads, of which a product reads or fills the first elements of each.
template <typename T>
struct HeadRows {
  T* data = nullptr;  // [rows, n_heads, width]
  std::size_t width = 0;
};

/// y[:, h] = x[:, h]·Wₕᵀ for every head h: [n_heads] matrices of one shape and format, in one parallel region.
void multiply_heads(std::span<const std::shared_ptr<const PackedMatrix>> weights, HeadRows<const float> x,
                    HeadRows<float> y, const Context& context);

}  // namespace skald::nn
