// The two halves of a decoder layer. Each adds its result to the residual stream.
#pragma once

#include <optional>

#include "nn/attention.h"
#include "nn/context.h"
#include "nn/linear.h"
#include "nn/norm.h"

namespace skald::nn {

/// Self-attention with rotary positions: x += o_proj(attention(q_proj(h), k_proj(h), v_proj(h))), h = norm(x).
struct SelfAttention {
  Linear q_proj, k_proj, v_proj, o_proj;
  std::optional<RmsNorm> q_norm, k_norm;  // per head, before the rotation
  AttentionSpec spec;
  std::size_t rotary_half = 0;  // pairs (i, i + rotary_half) of a head are rotated

  /// x [rows, hidden], updated in place. Stores keys and values of all rows in the state of `layer` first.
  void add_to(float* x, const RmsNorm& norm, int layer, const Context& context) const;

 private:
  void rotate_and_store(int layer, float* q, float* k, const float* v, const Context& context) const;
};

/// x += down_proj(act(gate_proj(h)) * up_proj(h)), h = norm(x).
struct GatedMlp {
  Linear gate_proj, up_proj, down_proj;
  kernels::Activation activation = kernels::Activation::silu;

  /// x [rows, hidden], updated in place.
  void add_to(float* x, const RmsNorm& norm, const Context& context) const;
};

/// Rows of the embedding matrix [vocab, hidden], or the embeddings that rows bring: x [rows, hidden].
void embed_rows(const PackedMatrix& embedding, float* x, const Context& context);

}  // namespace skald::nn
