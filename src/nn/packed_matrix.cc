#include "nn/packed_matrix.h"

#include <algorithm>

namespace skald::nn {

using kernels::kPanel;

std::size_t PackedMatrix::bytes_in(kernels::WeightFormat format) const {
  return panels() * kernels::table().gemm[static_cast<int>(format)].panel_bytes(k_);
}

void PackedMatrix::allocate(kernels::WeightFormat format) {
  format_ = format;
  panel_bytes_ = gemm().panel_bytes(k_);
  memory_ = Buffer(panels() * panel_bytes_);
}

std::size_t PackedMatrix::rows_of(std::size_t panel) const { return std::min(kPanel, n_ - panel * kPanel); }

void PackedMatrix::pack(std::size_t panel, const float* rows) {
  gemm().pack_panel(rows, rows_of(panel), k_, memory_.data() + panel * panel_bytes_);
}

void PackedMatrix::unpack_row(std::size_t row, float* out) const {
  gemm().unpack_row(memory_.data() + row / kPanel * panel_bytes_, row % kPanel, k_, out);
}

PackedMatrix pack_matrix(std::span<const float> rows, std::size_t n, std::size_t k, kernels::WeightFormat format) {
  PackedMatrix matrix(n, k);
  matrix.allocate(format);
  for (std::size_t panel = 0; panel < matrix.panels(); ++panel) {
    matrix.pack(panel, rows.data() + panel * kPanel * k);
  }
  return matrix;
}

}  // namespace skald::nn
