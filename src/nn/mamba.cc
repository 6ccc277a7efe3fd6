#include "nn/mamba.h"

#include <algorithm>
#include <array>

#include "kernels/recurrence.h"

namespace skald::nn {
namespace {

std::size_t state_floats(const MambaSpec& spec) { return spec.state_size * kernels::scan_pitch(spec.width); }

}  // namespace

std::size_t MambaSpec::state_bytes() const { return state_bytes_of(state_floats(*this) + (taps - 1) * width); }

void Mamba::add_to(float* x, const Residual& around, int layer, const Context& context) const {
  const std::size_t rows = context.rows.size();
  const std::size_t width = spec.width;
  Workspace& work = *context.work;
  float* const projected = work.projected.ensure(rows * 2 * width);
  float* const convolved = work.convolved.ensure(rows * width);
  float* const low_steps = work.gate.ensure(rows * spec.step_rank);
  float* const bc = work.k.ensure(rows * 2 * spec.state_size);
  float* const steps = work.up.ensure(rows * width);
  float* const y = work.attended.ensure(rows * width);

  const auto run = [&](const float* in, const Norm* norm, std::span<const Product> products) {
    multiply({.x = in, .rows = rows, .norm = norm, .spans = context.adapter_spans}, products, context);
  };
  const Product inner{&in_proj, projected};
  run(around.input(x), around.before, {&inner, 1});
  const auto inputs_of = [&](const SequenceRun& sequence) {
    return state_part(sequence, layer, state_floats(spec), context);
  };
  convolution.forward(projected, 2 * width, convolved, inputs_of, context);
  const std::array<Product, 2> selection = {{{&step_proj, low_steps}, {&bc_proj, bc}}};
  run(convolved, nullptr, selection);
  const Product step{&dt_proj, steps};
  run(low_steps, nullptr, {&step, 1});
  scan(convolved, steps, bc, y, layer, context);
  parallel_for(context, rows, 1, 16 * rows * width, [&](std::size_t begin, std::size_t end) {
    for (std::size_t r = begin; r < end; ++r) {
      const float* const gate = projected + (2 * r + 1) * width;
      kernels::table().activate(kernels::Activation::silu, gate, y + r * width, width, y + r * width);
    }
  });
  project_and_add(out_proj, y, around, x, context);
}

// A task is a range of channels of one sequence: all its rows in order.
void Mamba::scan(const float* convolved, const float* steps, const float* bc, float* y, int layer,
                 const Context& context) const {
  const std::size_t blocks = (spec.width + kChannelBlock - 1) / kChannelBlock;
  const auto run_task = [&](std::size_t task) {
    const SequenceRun& run = context.runs[task / blocks];
    const StatePart state = state_part(run, layer, 0, context);
    const float* const b = bc + run.begin * 2 * spec.state_size;
    const kernels::ChannelScan rows{.x = convolved + run.begin * spec.width,
                                    .steps = steps + run.begin * spec.width,
                                    .b = b,
                                    .c = b + spec.state_size,
                                    .bc_stride = 2 * spec.state_size,
                                    .a = a.data(),
                                    .d = d.data(),
                                    .before = state.before,
                                    .after = state.after,
                                    .y = y + run.begin * spec.width,
                                    .rows = run.end - run.begin,
                                    .channels = spec.width,
                                    .state_size = spec.state_size};
    const std::size_t begin = task % blocks * kChannelBlock;
    kernels::recurrences(kernels::table()).scan_channels(rows, begin, std::min(spec.width, begin + kChannelBlock));
  };
  const auto run_tasks = [&](std::size_t begin, std::size_t end, int /*worker*/) {
    for (std::size_t task = begin; task < end; ++task) run_task(task);
  };
  const std::size_t tasks = context.runs.size() * blocks;
  const std::size_t work = 16 * context.rows.size() * spec.width * spec.state_size;
  if (work < kSerialWork) return run_tasks(0, tasks, 0);
  context.pool->parallel_dynamic(tasks, 1, run_tasks);
}

}  // namespace skald::nn
