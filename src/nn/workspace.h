// The named buffers of a forward pass. They grow to the largest batch seen and stay: no allocation per token.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/buffer.h"
#include "kernels/kernels.h"

namespace skald::nn {

/// Aligned memory for `T`s that grows when asked for more. Growing loses the contents.
template <typename T>
class WorkBuffer {
 public:
  /// At least `n` elements.
  T* ensure(std::size_t n) {
    if (n * sizeof(T) > memory_.size()) memory_ = Buffer(n * sizeof(T));
    return memory_.as<T>().data();
  }
  [[nodiscard]] T* data() { return memory_.as<T>().data(); }

 private:
  Buffer memory_;
};

/// Neighbouring rows [begin, end) of one sequence, which share every reading of keys.
struct AttentionTile {
  std::size_t run = 0;  // index into Context::runs
  std::size_t begin = 0;
  std::size_t end = 0;
};

/// What one worker needs while it attends.
struct AttentionScratch {
  WorkBuffer<float> states;    // [queries, 2 + v_dim] running results
  WorkBuffer<float> partials;  // [queries, 2 + v_dim] of one cut
  WorkBuffer<float> biases;    // [queries, kCut] relative position biases
  std::vector<kernels::CutQuery> queries;
  std::vector<std::uint32_t> later;  // queries for which the cut is not their first
};

struct ExpertScratch;  // of experts.cc

struct Workspace {
  WorkBuffer<float> hidden;                                    // [rows, hidden] the residual stream
  WorkBuffer<float> before;                                    // [rows, hidden] the stream before blocks side by side
  WorkBuffer<float> normed;                                    // [rows, hidden] input of products
  std::array<WorkBuffer<std::byte>, kernels::kXForms> packed;  // what pack_x made of an input, by its form
  WorkBuffer<float> q;                                         // [rows, n_heads, k_dim]
  WorkBuffer<float> packed_q;                                  // [rows, n_heads, k_dim up to 16s] what pack_q made of q
  WorkBuffer<float> k;                                         // [rows, kv_heads, k_dim]
  WorkBuffer<float> v;                                         // [rows, kv_heads, v_dim]
  WorkBuffer<float> attended;                                  // [rows, n_heads, v_dim]
  WorkBuffer<float> absorbed_q;                                // [rows, n_heads, k_dim] latent attention
  WorkBuffer<float> mixed_latents;                             // [rows, n_heads, v_dim] latent attention
  WorkBuffer<float> delta;                  // [rows, hidden] what a block adds to the residual stream
  WorkBuffer<float> gate;                   // [rows, intermediate]
  WorkBuffer<float> up;                     // [rows, intermediate]
  WorkBuffer<float> projected;              // [rows, outputs] what a recurrent layer's mixer makes of its input
  WorkBuffer<float> convolved;              // [rows, channels] of it
  WorkBuffer<float> low_rank;               // [rows, sum of ranks] of adapters
  std::array<WorkBuffer<float>, 2> angles;  // [rows, 2, rotary_dim / 2] cosines and sines that no table holds
  WorkBuffer<float> cut_partials;           // [tasks, cuts, queries, 2 + v_dim] where cuts are spread over workers
  WorkBuffer<float> probabilities;          // [n_heads, keys] of a row that wants its attentions
  WorkBuffer<float> head_in;                // [64, hidden] rows whose logits are wanted
  WorkBuffer<float> logits;                 // [64, vocab]
  std::shared_ptr<ExpertScratch> experts;
  std::vector<AttentionTile> tiles;
  std::vector<AttentionScratch> attention;  // [workers]
};

}  // namespace skald::nn
