// A matrix as a checkpoint stores it: a tensor, or a part of one, read row by row.
#pragma once

#include <cstddef>
#include <span>

#include "formats/tensor_source.h"
#include "nn/weight_part.h"

namespace skald::nn {

struct StoredMatrix {
  const TensorInfo* tensor = nullptr;
  Part part = {};
  std::size_t n = 0, k = 0;  // of the matrix: outputs and inputs

  /// Bytes of a row where rows are stored one after another.
  [[nodiscard]] std::size_t row_bytes() const;
  /// Whether rows begin and end with a block: a matrix in blocks is read by nothing else.
  [[nodiscard]] bool whole_blocks() const;
};

/// Rows [first, first + count) as f32 [count, k]. The columns of a transposed matrix are gathered, one reading for each
/// input, which all rows share: ask for many at once.
void read_matrix_rows(const TensorSource& source, const StoredMatrix& matrix, std::size_t first, std::size_t count,
                      float* rows);

/// The same rows as they are stored: [count, row_bytes()]. The matrix is not transposed.
void read_stored_rows(const TensorSource& source, const StoredMatrix& matrix, std::size_t first, std::size_t count,
                      std::byte* rows);

/// Throws FormatError, naming `matrix`, where one of `rows` is NaN, infinite or too large for weights in blocks.
void check_fits_blocks(const TensorSource& source, const StoredMatrix& matrix, std::span<const float> rows);

}  // namespace skald::nn
