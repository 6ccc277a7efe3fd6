#include "nn/packed_matrix.h"

#include <algorithm>
#include <utility>

#include "kernels/block_pack.h"
#include "kernels/pack.h"

namespace skald::nn {

using kernels::kPanel;

std::size_t PackedMatrix::bytes_in(kernels::WeightFormat format) const {
  return panels() * kernels::panel_bytes(format, k_);
}

void PackedMatrix::place(kernels::WeightFormat format, std::shared_ptr<Buffer> memory, std::size_t begin) {
  format_ = format;
  panel_bytes_ = kernels::panel_bytes(format, k_);
  memory_ = std::move(memory);
  data_ = memory_->data() + begin;
}

std::size_t PackedMatrix::rows_of(std::size_t panel) const { return std::min(kPanel, n_ - panel * kPanel); }

void PackedMatrix::pack(std::size_t panel, const float* rows) {
  kernels::pack_panel(format_, rows, rows_of(panel), k_, data_ + panel * panel_bytes_);
}

void PackedMatrix::unpack_row(std::size_t row, float* out) const {
  kernels::unpack_row(format_, data_ + row / kPanel * panel_bytes_, row % kPanel, k_, out);
}

void PackedMatrix::pack_stored(std::size_t panel, const std::byte* rows) {
  kernels::pack_stored_panel(format_, rows, rows_of(panel), k_, data_ + panel * panel_bytes_);
}

PackedMatrix pack_matrix(std::span<const float> rows, std::size_t n, std::size_t k, kernels::WeightFormat format) {
  PackedMatrix matrix(n, k);
  matrix.place(format, std::make_shared<Buffer>(matrix.bytes_in(format)), 0);
  for (std::size_t panel = 0; panel < matrix.panels(); ++panel) {
    matrix.pack(panel, rows.data() + panel * kPanel * k);
  }
  return matrix;
}

}  // namespace skald::nn
