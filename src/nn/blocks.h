// The halves of a layer. Each adds its result to the residual stream: x += scale * after(block(before(x))).
#pragma once

#include <optional>
#include <vector>

#include "nn/attention.h"
#include "nn/context.h"
#include "nn/linear.h"
#include "nn/norm.h"

namespace skald::nn {

/// What stands around a block: its norms, either of which may be missing, and how its result joins the stream.
struct Residual {
  const Norm* before = nullptr;
  const Norm* after = nullptr;
  float scale = 1;
  const float* from = nullptr;  // [rows, hidden] that the block reads in place of x: blocks side by side

  [[nodiscard]] const float* input(const float* x) const { return from == nullptr ? x : from; }
  /// x [n] += scale * y [n].
  void add(const float* y, std::size_t n, float* x) const {
    if (scale == 1) return kernels::table().add(y, n, x);
    kernels::table().add_scaled(scale, y, n, x);
  }
};

/// x [rows, out_features] += scale * after(linear(in)), in [rows, in_features]: how a block ends.
void project_and_add(const Linear& linear, const float* in, const Residual& end, float* x, const Context& context);

/// Attention of a sequence to itself: o_proj(attention(q_proj(h), k_proj(h), v_proj(h))).
struct SelfAttention {
  Linear q_proj, k_proj, v_proj, o_proj;
  // Before the rotation: none, one for every head, one for each head, or one of all heads together.
  std::vector<Norm> q_norms, k_norms;
  float clip = 0;  // queries, keys and values are kept in [-clip, clip]; 0: as they are
  AttentionSpec spec;
  std::size_t rotary_half = 0;  // pairs of a head that are rotated; 0: no rotary positions
  bool interleaved = false;     // pairs (2i, 2i + 1) instead of (i, i + rotary_half)
  std::size_t angles = 0;       // which of Context::angles

  /// x [rows, hidden], updated in place. Stores keys and values of all rows in the state of `layer` first.
  void add_to(float* x, const Residual& norms, int layer, const Context& context) const;

 private:
  void rotate_and_store(int layer, float* q, float* k, float* v, const Context& context) const;
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
  bool times_input = false;  // no gate: act(up) * up, which makes ReLU its square

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
