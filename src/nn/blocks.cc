#include "nn/blocks.h"

#include <algorithm>
#include <array>

namespace skald::nn {

void SelfAttention::add_to(float* x, const RmsNorm& norm, int layer, const Context& context) const {
  const std::size_t rows = context.rows.size();
  Workspace& work = *context.work;
  float* const q = work.q.ensure(rows * spec.n_heads * spec.k_dim);
  float* const k = work.k.ensure(rows * spec.kv_heads * spec.k_dim);
  float* const v = work.v.ensure(rows * spec.kv_heads * spec.v_dim);
  float* const attended = work.attended.ensure(rows * spec.n_heads * spec.v_dim);
  float* const delta = work.delta.ensure(rows * o_proj.out_features());

  const std::array<Product, 3> qkv = {{{&q_proj, q}, {&k_proj, k}, {&v_proj, v}}};
  multiply({.x = x, .rows = rows, .norm = &norm, .spans = context.adapter_spans}, qkv, context);
  rotate_and_store(layer, q, k, v, context);
  attend(spec, layer, q, attended, context);
  const Product output{&o_proj, delta};
  multiply({.x = attended, .rows = rows, .spans = context.adapter_spans}, {&output, 1}, context,
           [&](std::size_t, std::size_t begin, std::size_t end) {
             add_columns(delta, rows, o_proj.out_features(), begin, end, x);
           });
}

void SelfAttention::rotate_and_store(int layer, float* q, float* k, const float* v, const Context& context) const {
  const auto turn = [&](const RowAngles& angles, const std::optional<RmsNorm>& norm, std::size_t heads, float* first) {
    for (float* head = first; head < first + heads * spec.k_dim; head += spec.k_dim) {
      if (norm) norm->forward(head, head);
      kernels::table().rotate(angles.cos, angles.sin, rotary_half, /*interleaved=*/false, head);
    }
  };
  const std::size_t rows = context.rows.size();
  const std::size_t q_width = spec.n_heads * spec.k_dim;
  const std::size_t k_width = spec.kv_heads * spec.k_dim;
  const std::size_t work = rows * (q_width + 8 * k_width);  // a stored key touches a cache line a number
  parallel_for(context, rows, 1, work, [&](std::size_t begin, std::size_t end) {
    for (std::size_t r = begin; r < end; ++r) {
      turn(context.angles[r], q_norm, spec.n_heads, q + r * q_width);
      turn(context.angles[r], k_norm, spec.kv_heads, k + r * k_width);
      const Row& row = context.rows[r];
      context.state->store(row.sequence, layer, row.position, k + r * k_width, v + r * spec.kv_heads * spec.v_dim);
    }
  });
}

void GatedMlp::add_to(float* x, const RmsNorm& norm, const Context& context) const {
  const std::size_t rows = context.rows.size();
  const std::size_t width = gate_proj.out_features();
  const std::size_t hidden = down_proj.out_features();
  float* const gate = context.work->gate.ensure(rows * width);
  float* const up = context.work->up.ensure(rows * width);
  float* const delta = context.work->delta.ensure(rows * hidden);

  const std::array<Product, 2> both = {{{&gate_proj, gate}, {&up_proj, up}}};
  multiply_together({.x = x, .rows = rows, .norm = &norm, .spans = context.adapter_spans}, both, context,
                    [&](std::size_t, std::size_t begin, std::size_t end) {
                      for (std::size_t i = begin; i < rows * width; i += width) {
                        kernels::table().activate(activation, gate + i, up + i, end - begin, gate + i);
                      }
                    });
  const Product down{&down_proj, delta};
  multiply({.x = gate, .rows = rows, .spans = context.adapter_spans}, {&down, 1}, context,
           [&](std::size_t, std::size_t begin, std::size_t end) { add_columns(delta, rows, hidden, begin, end, x); });
}

void embed_rows(const PackedMatrix& embedding, float* x, const Context& context) {
  const std::size_t hidden = embedding.columns();
  parallel_for(context, context.rows.size(), 1, context.rows.size() * hidden, [&](std::size_t begin, std::size_t end) {
    for (std::size_t r = begin; r < end; ++r) {
      const Row& row = context.rows[r];
      if (row.embedding != nullptr) {
        std::copy_n(row.embedding, hidden, x + r * hidden);
      } else {
        embedding.unpack_row(static_cast<std::size_t>(row.token), x + r * hidden);
      }
    }
  });
}

}  // namespace skald::nn
