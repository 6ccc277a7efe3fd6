#include "nn/blocks.h"

#include <algorithm>
#include <array>

namespace skald::nn {
namespace {

// Calls `body(row)` for all rows of the pass; `work` is what one row costs.
template <typename Body>
void for_rows(const Context& context, std::size_t work, const Body& body) {
  parallel_for(context, context.rows.size(), 1, context.rows.size() * work, [&](std::size_t begin, std::size_t end) {
    for (std::size_t r = begin; r < end; ++r) body(r);
  });
}

}  // namespace

// Without `after` a worker adds what it has just computed.
void project_and_add(const Linear& linear, const float* in, const Residual& end, float* x, const Context& context) {
  const std::size_t rows = context.rows.size();
  const std::size_t width = linear.out_features();
  float* const delta = context.work->delta.ensure(rows * width);
  const Product product{&linear, delta};
  const ProductInput input{.x = in, .rows = rows, .spans = context.adapter_spans};
  if (end.after == nullptr) {
    multiply(input, {&product, 1}, context, [&](std::size_t, std::size_t first, std::size_t last) {
      for (std::size_t i = first; i < rows * width; i += width) end.add(delta + i, last - first, x + i);
    });
    return;
  }
  multiply(input, {&product, 1}, context);
  for_rows(context, 4 * width, [&](std::size_t r) {
    end.after->forward(delta + r * width, delta + r * width);
    end.add(delta + r * width, width, x + r * width);
  });
}

void SelfAttention::add_to(float* x, const Residual& norms, int layer, const Context& context) const {
  const std::size_t rows = context.rows.size();
  Workspace& work = *context.work;
  float* const q = work.q.ensure(rows * spec.n_heads * spec.k_dim);
  float* const k = work.k.ensure(rows * spec.kv_heads * spec.k_dim);
  float* const v = work.v.ensure(rows * spec.kv_heads * spec.v_dim);
  float* const attended = work.attended.ensure(rows * spec.n_heads * spec.v_dim);

  const std::array<Product, 3> qkv = {{{&q_proj, q}, {&k_proj, k}, {&v_proj, v}}};
  multiply({.x = norms.input(x), .rows = rows, .norm = norms.before, .spans = context.adapter_spans}, qkv, context);
  rotate_and_store(layer, q, k, v, context);
  attend(spec, layer, q, attended, context);
  project_and_add(o_proj, attended, norms, x, context);
}

void SelfAttention::rotate_and_store(int layer, float* q, float* k, float* v, const Context& context) const {
  const auto turn = [&](const RowAngles& turns, const std::vector<Norm>& norms, std::size_t width, float* first) {
    float* part = first;
    for (std::size_t i = 0; !norms.empty() && part < first + width; part += norms.front().size(), ++i) {
      norms[i % norms.size()].forward(part, part);
    }
    for (float* head = first; rotary_half > 0 && head < first + width; head += spec.k_dim) {
      kernels::table().rotate(turns.cos, turns.sin, rotary_half, interleaved, head);
    }
  };
  const auto limit = [&](float* values, std::size_t n) {
    for (std::size_t i = 0; clip > 0 && i < n; ++i) values[i] = std::clamp(values[i], -clip, clip);
  };
  const std::size_t q_width = spec.n_heads * spec.k_dim;
  const std::size_t k_width = spec.kv_heads * spec.k_dim;
  const std::size_t v_width = spec.kv_heads * spec.v_dim;
  const std::size_t work = q_width + 8 * k_width;  // a stored key touches a cache line a number
  for_rows(context, work, [&](std::size_t r) {
    limit(q + r * q_width, q_width);
    limit(k + r * k_width, k_width);
    limit(v + r * v_width, v_width);
    turn(context.angles[angles][r], q_norms, q_width, q + r * q_width);
    turn(context.angles[angles][r], k_norms, k_width, k + r * k_width);
    const Row& row = context.rows[r];
    context.state->store(row.sequence, layer, row.position, k + r * k_width, v + r * v_width);
  });
}

void CrossAttention::add_to(float* x, const Residual& norms, int layer, const Context& context) const {
  const std::size_t rows = context.rows.size();
  float* const q = context.work->q.ensure(rows * spec.n_heads * spec.k_dim);
  float* const attended = context.work->attended.ensure(rows * spec.n_heads * spec.v_dim);
  const Product product{&q_proj, q};
  multiply({.x = norms.input(x), .rows = rows, .norm = norms.before, .spans = context.adapter_spans}, {&product, 1},
           context);
  attend(spec, layer, q, attended, context);
  project_and_add(o_proj, attended, norms, x, context);
}

void CrossAttention::store(const float* encoded, std::span<const SequenceId> targets, StatePool& state, int layer,
                           const Context& encoder) const {
  const std::size_t rows = encoder.rows.size();
  const std::size_t k_width = spec.kv_heads * spec.k_dim;
  const std::size_t v_width = spec.kv_heads * spec.v_dim;
  float* const k = encoder.work->k.ensure(rows * k_width);
  float* const v = encoder.work->v.ensure(rows * v_width);
  const std::array<Product, 2> products = {{{&k_proj, k}, {&v_proj, v}}};
  multiply({.x = encoded, .rows = rows, .spans = encoder.adapter_spans}, products, encoder);
  for (std::size_t i = 0; i < encoder.runs.size(); ++i) {
    const SequenceRun& run = encoder.runs[i];
    for (std::size_t r = run.begin; r < run.end; ++r) {
      const auto position = static_cast<std::int64_t>(r - run.begin);
      state.store(targets[i], layer, position, k + r * k_width, v + r * v_width);
    }
  }
}

void Mlp::add_to(float* x, const Residual& norms, const Context& context) const {
  const std::size_t rows = context.rows.size();
  const std::size_t width = up_proj.out_features();
  float* const up = context.work->up.ensure(rows * width);
  float* const gate = gate_proj ? context.work->gate.ensure(rows * width) : up;

  const ProductInput input{.x = norms.input(x), .rows = rows, .norm = norms.before, .spans = context.adapter_spans};
  const auto activate = [&](std::size_t, std::size_t begin, std::size_t end) {
    for (std::size_t i = 0; i < rows * width; i += width) {
      const float* const factor = gate_proj || times_input ? up + i + begin : nullptr;
      kernels::table().activate(activation, gate + i + begin, factor, end - begin, gate + i + begin);
    }
  };
  const std::array<Product, 2> both = {{{&up_proj, up}, {gate_proj ? &*gate_proj : nullptr, gate}}};
  multiply_together(input, std::span(both).first(gate_proj ? 2 : 1), context, activate);
  project_and_add(down_proj, gate, norms, x, context);
}

void embed_rows(const PackedMatrix& embedding, float* x, const Context& context, float scale) {
  const std::size_t hidden = embedding.columns();
  for_rows(context, hidden, [&](std::size_t r) {
    const Row& row = context.rows[r];
    float* const out = x + r * hidden;
    if (row.embedding != nullptr) {
      std::copy_n(row.embedding, hidden, out);
      return;
    }
    embedding.unpack_row(static_cast<std::size_t>(row.token), out);
    if (scale == 1) return;
    for (std::size_t i = 0; i < hidden; ++i) out[i] *= scale;
  });
}

void add_positions(const PackedMatrix& positions, std::int64_t offset, float* x, const Context& context) {
  const std::size_t hidden = positions.columns();
  float* const rows = context.work->delta.ensure(context.rows.size() * hidden);
  for_rows(context, 2 * hidden, [&](std::size_t r) {
    positions.unpack_row(static_cast<std::size_t>(context.rows[r].position + offset), rows + r * hidden);
    kernels::table().add(rows + r * hidden, hidden, x + r * hidden);
  });
}

void normalize_rows(const Norm& norm, float* x, const Context& context) {
  const std::size_t width = norm.size();
  for_rows(context, 4 * width, [&](std::size_t r) { norm.forward(x + r * width, x + r * width); });
}

void scale_rows(float factor, std::size_t width, float* x, const Context& context) {
  for_rows(context, width, [&](std::size_t r) {
    for (std::size_t i = r * width; i < (r + 1) * width; ++i) x[i] *= factor;
  });
}

}  // namespace skald::nn
