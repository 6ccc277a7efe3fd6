#include "nn/mamba2.h"

namespace skald::nn {
namespace {

std::size_t head_floats(const Mamba2Spec& spec) { return spec.state_size * kernels::scan_pitch(spec.head_dim); }

}  // namespace

std::size_t Mamba2Spec::state_bytes() const {
  return state_bytes_of(n_heads * head_floats(*this) + (taps - 1) * channels());
}

void Mamba2::add_to(float* x, const Residual& around, int layer, const Context& context) const {
  const std::size_t rows = context.rows.size();
  float* const projected = context.work->projected.ensure(rows * spec.projected());
  float* const convolved = context.work->convolved.ensure(rows * spec.channels());
  float* const y = context.work->attended.ensure(rows * spec.width());

  const Product product{&in_proj, projected};
  multiply({.x = around.input(x), .rows = rows, .norm = around.before, .spans = context.adapter_spans}, {&product, 1},
           context);
  const auto inputs_of = [&](const SequenceRun& run) {
    return state_part(run, layer, spec.n_heads * head_floats(spec), context);
  };
  convolution.forward(projected + spec.width(), spec.projected(), convolved, inputs_of, context);
  scan(projected, convolved, y, layer, context);
  gate_and_norm(projected, y, context);
  project_and_add(out_proj, y, around, x, context);
}

// A task is one head of one sequence: all its rows in order, while its state stays in the nearest cache.
void Mamba2::scan(const float* projected, const float* convolved, float* y, int layer, const Context& context) const {
  const std::size_t tasks = context.runs.size() * spec.n_heads;
  const auto run_tasks = [&](std::size_t begin, std::size_t end, int /*worker*/) {
    for (std::size_t task = begin; task < end; ++task) {
      const SequenceRun& run = context.runs[task / spec.n_heads];
      const std::size_t head = task % spec.n_heads;
      const std::size_t group = head / (spec.n_heads / spec.n_groups);
      const StatePart state = state_part(run, layer, head * head_floats(spec), context);
      const float* const x = convolved + run.begin * spec.channels();
      const float* const b = x + spec.width() + group * spec.state_size;
      kernels::table().scan({.x = x + head * spec.head_dim,
                             .b = b,
                             .c = b + spec.n_groups * spec.state_size,
                             .stride = spec.channels(),
                             .dt = projected + run.begin * spec.projected() + spec.width() + spec.channels() + head,
                             .dt_stride = spec.projected(),
                             .dt_bias = dt_bias[head],
                             .dt_low = spec.step_low,
                             .dt_high = spec.step_high,
                             .a = a[head],
                             .d = d[head],
                             .before = state.before,
                             .after = state.after,
                             .y = y + run.begin * spec.width() + head * spec.head_dim,
                             .y_stride = spec.width(),
                             .rows = run.end - run.begin,
                             .head_dim = spec.head_dim,
                             .state_size = spec.state_size});
    }
  };
  const std::size_t work = 3 * context.rows.size() * spec.n_heads * head_floats(spec);
  if (work < kSerialWork) return run_tasks(0, tasks, 0);
  context.pool->parallel_dynamic(tasks, 1, run_tasks);
}

// The norm comes behind the gate, whatever a config says of norm_before_gate.
void Mamba2::gate_and_norm(const float* projected, float* y, const Context& context) const {
  const std::size_t groups = spec.n_groups;
  const std::size_t width = spec.width() / groups;
  const std::size_t count = context.rows.size() * groups;
  parallel_for(context, count, 1, 16 * count * width, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      const float* const gate = projected + i / groups * spec.projected() + i % groups * width;
      float* const part = y + i * width;
      kernels::table().activate(kernels::Activation::silu, gate, part, width, part);
      norms[i % groups].forward(part, part);
    }
  });
}

}  // namespace skald::nn
