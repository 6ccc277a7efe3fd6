// How a tensor of a checkpoint is to be written anew: in which format, from which matrix.
#pragma once

#include <cstddef>
#include <optional>

#include "kernels/kernels.h"
#include "nn/stored_matrix.h"

namespace skald::nn {

struct StoragePlan {
  const TensorInfo* tensor = nullptr;
  std::optional<kernels::WeightFormat> format = {};  // of the matrices in it; nothing: it has none, and stays as it is
  StoredMatrix whole = {};                           // all outputs and inputs, of plane 0 where there are planes
  bool cuts_blocks = false;                          // a matrix in it begins or ends within a block of `format`

  /// `tensor` holds `part` of a model, which is to be kept in `format`: of several parts the widest decides.
  void add(const StoredMatrix& part, kernels::WeightFormat wanted);
  /// 16 bits where blocks would be cut.
  [[nodiscard]] std::optional<kernels::WeightFormat> stored_format() const;
};

}  // namespace skald::nn
