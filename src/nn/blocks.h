// The halves of a layer. Each adds its result to the residual stream: x += after(block(before(x))).
#pragma once

#include <optional>

#include "nn/attention.h"
#include "nn/context.h"
#include "nn/linear.h"
#include "nn/norm.h"

namespace skald::nn {

/// The norms around a block; either may be missing.
struct Residual {
  const Norm* before = nullptr;
  const Norm* after = nullptr;
};

/// x [rows, out_features] += after(linear(in)), in [rows, in_features]: how a block ends. `after` may be nullptr.
void project_and_add(const Linear& linear, const float* in, const Norm* after, float* x, const Context& context);

/// Attention of a sequence to itself: o_proj(attention(q_proj(h), k_proj(h), v_proj(h))).
struct SelfAttention {
  Linear q_proj, k_proj, v_proj, o_proj;
  std::optional<Norm> q_norm, k_norm;  // per head, before the rotation
  AttentionSpec spec;
  std::size_t rotary_half = 0;  // pairs of a head that are rotated; 0: no rotary positions
  bool interleaved = false;     // pairs (2i, 2i + 1) instead of (i, i + rotary_half)

  /// x [rows, hidden], updated in place. Stores keys and values of all rows in the state of `layer` first.
  void add_to(float* x, const Residual& norms, int layer, const Context& context) const;

 private:
  void rotate_and_store(int layer, float* q, float* k, const float* v, const Context& context) const;
};

/// Attention of a decoder to the output of its encoder. `layer` is one of a cross group.
struct CrossAttention {
  Linear q_proj, k_proj, v_proj, o_proj;
  AttentionSpec spec;  // mask: cross

  /// x [rows, hidden], updated in place.
  void add_to(float* x, const Residual& norms, int layer, const Context& context) const;
  /// Keys and values of the encoder's outputs `encoded` [rows, encoder hidden], which `encoder` ran: those of its run i
  /// go to sequence targets[i] of `state`.
  void store(const float* encoded, std::span<const SequenceId> targets, StatePool& state, int layer,
             const Context& encoder) const;
};

/// down_proj(act(gate_proj(h)) * up_proj(h)), or down_proj(act(up_proj(h))) where there is no gate.
struct Mlp {
  std::optional<Linear> gate_proj;
  Linear up_proj, down_proj;
  kernels::Activation activation = kernels::Activation::silu;

  /// x [rows, hidden], updated in place.
  void add_to(float* x, const Residual& norms, const Context& context) const;
};

/// Rows of the embedding matrix [vocab, hidden] times `scale`, or the embeddings that rows bring, which are taken as
/// they are: x [rows, hidden].
void embed_rows(const PackedMatrix& embedding, float* x, const Context& context, float scale = 1);

/// x [rows, hidden] += rows `position + offset` of a table of positions [max_positions + offset, hidden].
void add_positions(const PackedMatrix& positions, std::int64_t offset, float* x, const Context& context);

/// x [rows, width] through `norm`, in place.
void normalize_rows(const Norm& norm, float* x, const Context& context);

/// x [rows, width] *= factor.
void scale_rows(float factor, std::size_t width, float* x, const Context& context);

}  // namespace skald::nn
