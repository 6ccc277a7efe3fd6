// What every part of a forward pass knows of it: the rows, how they fall into sequences, the state, the workers.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/thread_pool.h"
#include "kernels/kernels.h"
#include "nn/batch.h"
#include "nn/state.h"
#include "nn/workspace.h"

namespace skald::nn {

/// Neighbouring rows of one sequence.
struct SequenceRun {
  SequenceId sequence = 0;
  std::size_t begin = 0;  // rows [begin, end)
  std::size_t end = 0;
  std::int64_t position = 0;       // of row `begin`
  std::int64_t prefix_length = 0;  // positions that every row sees (mask: prefix)
  std::int64_t cross_length = 0;   // positions of the encoder's output (mask: cross)
};

/// Neighbouring rows with one adapter.
struct RowSpan {
  std::size_t begin = 0;  // rows [begin, end)
  std::size_t end = 0;
  std::int32_t adapter = 0;
  float scale = 1;
};

/// Cosines and sines of one row, [rotary_dim / 2] each.
struct RowAngles {
  const float* cos = nullptr;
  const float* sin = nullptr;
};

/// Called with the probabilities [n_heads, n_keys] of a row that wants its attentions.
using AttentionTap = std::function<void(std::size_t row, int layer, const float* probabilities, std::size_t n_heads,
                                        std::int64_t n_keys)>;

/// Sets of rotary positions that a model may have: layers choose one.
inline constexpr std::size_t kRopes = 2;

struct Context {
  std::span<const Row> rows;
  std::vector<SequenceRun> runs;
  std::vector<RowSpan> adapter_spans;                 // only those with adapters
  std::array<std::vector<RowAngles>, kRopes> angles;  // [rows] of each set of rotary positions
  StatePool* state = nullptr;
  ThreadPool* pool = nullptr;
  Workspace* work = nullptr;
  const AttentionTap* attention_tap = nullptr;  // set where a row wants attentions

  /// Takes the rows of `batch`. Throws UsageError where rows of a sequence do not stand together, leave gaps or do not
  /// begin where its state ends.
  void begin(const Batch& batch, StatePool& pass_state, ThreadPool& workers, Workspace& workspace);
};

/// Below this many multiply-adds a job is done by the caller alone: waking the workers would cost more.
inline constexpr std::size_t kSerialWork = 20'000;

/// pool.parallel_for, or one plain call where `work` (multiply-adds of the whole job) is small.
template <typename Body>
void parallel_for(const Context& context, std::size_t count, std::size_t grain, std::size_t work, Body&& body) {
  if (work < kSerialWork) {
    if (count > 0) body(std::size_t{0}, count);
    return;
  }
  context.pool->parallel_for(count, grain, body);
}

}  // namespace skald::nn
