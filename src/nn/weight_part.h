// Which outputs and inputs of a stored tensor make one matrix. Checkpoints fuse projections, store some transposed and
// keep all experts of a layer in one tensor; a model asks for the parts and sees plain matrices.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace skald::nn {

struct Part {
  // Output i of the matrix is stored as output first + i / run * stride + i % run.
  std::size_t outputs = 0;  // of the whole tensor; 0: those of the matrix
  std::size_t first = 0;
  std::size_t run = 0;  // 0: all in one run
  std::size_t stride = 0;
  // Input j is stored as input first_input + j.
  std::size_t inputs = 0;  // of the whole tensor; 0: those of the matrix
  std::size_t first_input = 0;
  std::size_t planes = 0;  // length of a leading dimension (experts); 0: there is none
  std::size_t plane = 0;
  bool transposed = false;  // stored [inputs, outputs], as GPT-2's Conv1D

  friend bool operator==(const Part&, const Part&) = default;

  [[nodiscard]] std::size_t stored_output(std::size_t i) const {
    return run == 0 ? first + i : first + i / run * stride + i % run;
  }
  [[nodiscard]] std::size_t stored_outputs(std::size_t n) const { return outputs == 0 ? n : outputs; }
  [[nodiscard]] std::size_t stored_inputs(std::size_t k) const { return inputs == 0 ? k : inputs; }
  /// Whether the inputs of a matrix [n, k] begin and end with a block of `block` of them, or with the stored row.
  [[nodiscard]] bool whole_blocks(std::size_t k, std::size_t block) const {
    const std::size_t end = first_input + k;
    return first_input % block == 0 && (end % block == 0 || end == stored_inputs(k));
  }
  /// Shape of the tensor that holds a matrix [n, k].
  [[nodiscard]] std::vector<std::uint64_t> stored_shape(std::size_t n, std::size_t k) const {
    std::vector<std::uint64_t> shape{stored_outputs(n), stored_inputs(k)};
    if (transposed) shape = {shape[1], shape[0]};
    if (planes > 0) shape.insert(shape.begin(), planes);
    return shape;
  }
  /// First element of the plane, counted in elements of the tensor.
  [[nodiscard]] std::size_t origin(std::size_t n, std::size_t k) const {
    return plane * stored_outputs(n) * stored_inputs(k);
  }
};

/// Part `index` of several that stand one after another in a fused tensor of `outputs` outputs: q, k, v or gate, up.
inline Part stacked(std::size_t outputs, std::size_t first) { return {.outputs = outputs, .first = first}; }

}  // namespace skald::nn
