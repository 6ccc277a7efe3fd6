// A weight matrix in the panels of the kernel table. Read-only once filled; shared where weights are tied.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "base/buffer.h"
#include "kernels/kernels.h"

namespace skald::nn {

class PackedMatrix {
 public:
  /// W [n, k], without memory yet.
  PackedMatrix(std::size_t n, std::size_t k) : n_(n), k_(k) {}

  /// Bytes that the panels take in `format`.
  [[nodiscard]] std::size_t bytes_in(kernels::WeightFormat format) const;
  /// Takes bytes_in(format) bytes of `memory`, from `begin` on, a multiple of kAlignment. Pages come with the first
  /// touch.
  void place(kernels::WeightFormat format, std::shared_ptr<Buffer> memory, std::size_t begin);
  static constexpr std::size_t kAlignment = 4096;
  /// Fills panel `panel` from its rows as f32 [min(kPanel, n - kPanel * panel), k].
  void pack(std::size_t panel, const float* rows);
  /// The same from rows as they are stored in blocks, one after another; the format is that of the blocks.
  void pack_stored(std::size_t panel, const std::byte* rows);

  [[nodiscard]] std::size_t rows() const { return n_; }
  [[nodiscard]] std::size_t columns() const { return k_; }
  [[nodiscard]] std::size_t panels() const { return (n_ + kernels::kPanel - 1) / kernels::kPanel; }
  [[nodiscard]] std::size_t rows_of(std::size_t panel) const;
  [[nodiscard]] kernels::WeightFormat format() const { return format_; }
  [[nodiscard]] const kernels::GemmKernels& gemm() const { return kernels::table().gemm[static_cast<int>(format_)]; }
  [[nodiscard]] const std::byte* data() const { return data_; }
  [[nodiscard]] std::size_t bytes() const { return panels() * panel_bytes_; }
  /// Row `row` as f32 [k].
  void unpack_row(std::size_t row, float* out) const;

 private:
  std::size_t n_;
  std::size_t k_;
  kernels::WeightFormat format_ = kernels::WeightFormat::f32;
  std::size_t panel_bytes_ = 0;
  std::shared_ptr<Buffer> memory_;  // may hold other matrices as well
  std::byte* data_ = nullptr;       // [panels, panel_bytes_]
};

/// A filled matrix from f32 rows [n, k].
PackedMatrix pack_matrix(std::span<const float> rows, std::size_t n, std::size_t k, kernels::WeightFormat format);

}  // namespace skald::nn
