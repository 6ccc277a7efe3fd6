#include "nn/rwkv.h"

#include <algorithm>

#include "kernels/recurrence.h"

namespace skald::nn {
namespace {

// Rows [rows, hidden] through `norm`, and products of mixes of them.
class MixedRows {
 public:
  MixedRows(const float* x, const Norm& norm, std::size_t state_offset, int layer, const Context& context)
      : context_(context), layer_(layer), state_offset_(state_offset), hidden_(norm.size()) {
    normed_ = context.work->convolved.ensure(context.rows.size() * hidden_);
    parallel_for(context, context.rows.size(), 1, 4 * context.rows.size() * hidden_,
                 [&](std::size_t begin, std::size_t end) {
                   for (std::size_t r = begin; r < end; ++r) norm.forward(x + r * hidden_, normed_ + r * hidden_);
                 });
  }

  float* multiply_mix(const Convolution& mix, const Linear& linear, WorkBuffer<float>& out) const {
    const std::size_t rows = context_.rows.size();
    float* const mixed = context_.work->projected.ensure(rows * hidden_);
    mix.forward(
        normed_, hidden_, mixed,
        [&](const SequenceRun& run) { return state_part(run, layer_, state_offset_, context_); }, context_);
    const Product product{&linear, out.ensure(rows * linear.out_features())};
    multiply({.x = mixed, .rows = rows, .spans = context_.adapter_spans}, {&product, 1}, context_);
    return product.y;
  }

 private:
  const Context& context_;
  int layer_;
  std::size_t state_offset_;
  std::size_t hidden_;
  float* normed_;
};

// y [n] = act(gate) * up, by rows.
void activate_rows(kernels::Activation activation, const float* gate, const float* up, std::size_t width, float* y,
                   const Context& context) {
  const std::size_t rows = context.rows.size();
  parallel_for(context, rows, 1, 16 * rows * width, [&](std::size_t begin, std::size_t end) {
    const std::size_t first = begin * width;
    kernels::table().activate(activation, gate + first, up + first, (end - begin) * width, y + first);
  });
}

}  // namespace

std::size_t rwkv_state_bytes(std::size_t hidden) {
  return state_bytes_of(2 * hidden + 3 * kernels::scan_pitch(hidden));
}

void RwkvTimeMix::add_to(float* x, const Residual& around, int layer, const Context& context) const {
  const std::size_t hidden = decay.size();
  Workspace& work = *context.work;
  const MixedRows rows(around.input(x), *around.before, 0, layer, context);
  const float* const keys = rows.multiply_mix(key_mix, key, work.k);
  const float* const values = rows.multiply_mix(value_mix, value, work.v);
  const float* const gates = rows.multiply_mix(receptance_mix, receptance, work.q);
  float* const y = work.attended.ensure(context.rows.size() * hidden);
  average(keys, values, y, layer, context);
  activate_rows(kernels::Activation::sigmoid, gates, y, hidden, y, context);
  project_and_add(output, y, around, x, context);
}

// A task is a range of channels of one sequence: all its rows in order.
void RwkvTimeMix::average(const float* keys, const float* values, float* y, int layer, const Context& context) const {
  const std::size_t hidden = decay.size();
  const std::size_t blocks = (hidden + kChannelBlock - 1) / kChannelBlock;
  parallel_for(context, context.runs.size() * blocks, 1, 64 * context.rows.size() * hidden,
               [&](std::size_t first_task, std::size_t last_task) {
                 for (std::size_t task = first_task; task < last_task; ++task) {
                   const SequenceRun& run = context.runs[task / blocks];
                   const StatePart state = state_part(run, layer, 2 * hidden, context);
                   const std::size_t begin = task % blocks * kChannelBlock;
                   kernels::recurrences(kernels::table())
                       .decaying_mean({.keys = keys + run.begin * hidden,
                                       .values = values + run.begin * hidden,
                                       .decay = decay.data(),
                                       .first = first.data(),
                                       .before = state.before,
                                       .after = state.after,
                                       .y = y + run.begin * hidden,
                                       .rows = run.end - run.begin,
                                       .channels = hidden},
                                      begin, std::min(hidden, begin + kChannelBlock));
                 }
               });
}

void RwkvChannelMix::add_to(float* x, const Residual& around, int layer, const Context& context) const {
  const std::size_t n = context.rows.size();
  const std::size_t hidden = receptance.out_features();
  Workspace& work = *context.work;
  const MixedRows rows(around.input(x), *around.before, hidden, layer, context);
  float* const keys = rows.multiply_mix(key_mix, key, work.up);
  const float* const gates = rows.multiply_mix(receptance_mix, receptance, work.q);
  activate_rows(kernels::Activation::relu, keys, keys, key.out_features(), keys, context);
  const Product product{&value, work.delta.ensure(n * hidden)};
  multiply({.x = keys, .rows = n, .spans = context.adapter_spans}, {&product, 1}, context);
  activate_rows(kernels::Activation::sigmoid, gates, product.y, hidden, product.y, context);
  around.add(product.y, n * hidden, x);
}

}  // namespace skald::nn
