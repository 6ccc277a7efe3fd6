#include "nn/latent_attention.h"

#include <algorithm>
#include <array>

namespace skald::nn {
namespace {

constexpr std::size_t kRowTile = 16;  // pack_x takes ranges of rows that begin at multiples of this

// Calls `body(head, first, last)` for the pieces of every head's [0, per_head), dealt out in a row.
template <typename Body>
void for_pieces(const Context& context, std::size_t heads, std::size_t per_head, std::size_t work, const Body& body) {
  parallel_for(context, heads * per_head, 1, work, [&](std::size_t begin, std::size_t end) {
    while (begin < end) {
      const std::size_t head = begin / per_head;
      const std::size_t stop = std::min(end, (head + 1) * per_head);
      body(head, begin - head * per_head, stop - head * per_head);
      begin = stop;
    }
  });
}

}  // namespace

void multiply_heads(std::span<const std::shared_ptr<const PackedMatrix>> weights, HeadRows<const float> x,
                    HeadRows<float> y, const Context& context) {
  const std::size_t heads = weights.size();
  const std::size_t rows = context.rows.size();
  const std::size_t n = weights[0]->rows();
  const std::size_t k = weights[0]->columns();
  const kernels::GemmKernels& kernel = weights[0]->gemm();
  const std::size_t packed_bytes = kernel.packed_x_bytes(rows, k);  // of one head: a multiple of cache lines
  std::byte* packed = nullptr;
  if (packed_bytes > 0) {
    packed = context.work->packed[static_cast<std::size_t>(kernel.x_form)].ensure(heads * packed_bytes);
    for_pieces(context, heads, (rows + kRowTile - 1) / kRowTile, heads * rows * k,
               [&](std::size_t head, std::size_t first, std::size_t last) {
                 kernel.pack_x(x.data + head * x.width, heads * x.width, k, first * kRowTile,
                               std::min(rows, last * kRowTile), rows, packed + head * packed_bytes);
               });
  }
  for_pieces(context, heads, weights[0]->panels(), heads * rows * n * k,
             [&](std::size_t head, std::size_t first, std::size_t last) {
               kernel.gemm({.x = x.data + head * x.width,
                            .x_stride = heads * x.width,
                            .packed_x = packed_bytes > 0 ? packed + head * packed_bytes : nullptr,
                            .w = weights[head]->data(),
                            .y = y.data + head * y.width,
                            .y_stride = heads * y.width,
                            .m = rows,
                            .n = n,
                            .k = k},
                           first, last);
             });
}

void LatentAttention::add_to(float* x, const Residual& norms, int layer, const Context& context) const {
  const std::size_t rows = context.rows.size();
  const std::size_t heads = spec.n_heads;
  Workspace& work = *context.work;
  const std::size_t q_dim = nope_dim() + rope_dim();
  const std::size_t value_dim = value_up[0]->rows();
  float* const q = work.q.ensure(rows * heads * q_dim);
  float* const latent = work.k.ensure(rows * spec.k_dim);
  float* const absorbed = work.absorbed_q.ensure(rows * heads * spec.k_dim);
  float* const mixed = work.mixed_latents.ensure(rows * heads * spec.v_dim);
  float* const attended = work.attended.ensure(rows * heads * value_dim);

  project(norms.input(x), norms.before, q, latent, context);
  rotate_and_store(layer, q, latent, absorbed, context);
  multiply_heads(key_up, {q, q_dim}, {absorbed, spec.k_dim}, context);
  attend(spec, layer, absorbed, mixed, context);
  multiply_heads(value_up, {mixed, spec.v_dim}, {attended, value_dim}, context);
  project_and_add(o_proj, attended, norms, x, context);
}

// q [rows, n_heads, nope_dim + rope_dim] and latent [rows, rank + rope_dim], neither rotated.
void LatentAttention::project(const float* x, const Norm* before, float* q, float* latent,
                              const Context& context) const {
  const std::size_t rows = context.rows.size();
  float* const low = q_a_proj ? context.work->v.ensure(rows * q_a_proj->out_features()) : q;
  const std::array<Product, 2> products = {{{q_a_proj ? &*q_a_proj : &q_b_proj, low}, {&kv_a_proj_with_mqa, latent}}};
  multiply({.x = x, .rows = rows, .norm = before, .spans = context.adapter_spans}, products, context);
  if (!q_a_proj) return;
  const Product product{&q_b_proj, q};
  multiply({.x = low, .rows = rows, .norm = &q_a_layernorm, .spans = context.adapter_spans}, {&product, 1}, context);
}

// The rotated parts of queries go to the end of the absorbed ones [rows, n_heads, rank + rope_dim].
void LatentAttention::rotate_and_store(int layer, float* q, float* latent, float* absorbed,
                                       const Context& context) const {
  const std::size_t rank = spec.v_dim;
  const std::size_t q_dim = nope_dim() + rope_dim();
  const auto rotate = [&](std::size_t r, float* head) {
    kernels::table().rotate(context.angles[0][r].cos, context.angles[0][r].sin, rope_dim() / 2, interleaved, head);
  };
  const std::size_t rows = context.rows.size();
  const std::size_t per_row = 2 * spec.n_heads * rope_dim() + 8 * spec.k_dim;  // a stored number touches a cache line
  parallel_for(context, rows, 1, rows * per_row, [&](std::size_t begin, std::size_t end) {
    for (std::size_t r = begin; r < end; ++r) {
      for (std::size_t i = r * spec.n_heads; i < (r + 1) * spec.n_heads; ++i) {
        float* const rotated = absorbed + i * spec.k_dim + rank;
        std::copy_n(q + i * q_dim + nope_dim(), rope_dim(), rotated);
        rotate(r, rotated);
      }
      float* const vector = latent + r * spec.k_dim;
      kv_a_layernorm.forward(vector, vector);
      rotate(r, vector + rank);
      context.state->store(context.rows[r].sequence, layer, context.rows[r].position, vector, nullptr);
    }
  });
}

}  // namespace skald::nn
