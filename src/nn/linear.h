// Products with weights, whatever their format: y = x·Wᵀ + b, and the low-rank deltas of adapters.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/function_ref.h"
#include "nn/adapter.h"
#include "nn/context.h"
#include "nn/norm.h"
#include "nn/packed_matrix.h"

namespace skald::nn {

class Linear {
 public:
  Linear() = default;
  /// bias [out_features], or empty.
  Linear(std::string name, std::shared_ptr<const PackedMatrix> weight, std::vector<float> bias = {});
  /// A part of a stored weight, whose adapters it shares.
  Linear(std::shared_ptr<const PackedMatrix> weight, std::vector<float> bias, std::shared_ptr<AdapterSlot> adapters,
         const Part& part);

  [[nodiscard]] std::size_t in_features() const { return weight_->columns(); }
  [[nodiscard]] std::size_t out_features() const { return weight_->rows(); }
  [[nodiscard]] const PackedMatrix& weight() const { return *weight_; }
  [[nodiscard]] std::span<const float> bias() const { return bias_; }
  [[nodiscard]] const std::shared_ptr<AdapterSlot>& adapters() const { return adapters_; }
  /// Which of the slot's parts this is.
  [[nodiscard]] std::size_t adapter_part() const { return adapter_part_; }

  /// y [rows, out_features] = x [rows, in_features]·Wᵀ + b, plus the deltas of `spans`. One parallel region.
  void forward(const float* x, std::size_t rows, float* y, std::span<const RowSpan> spans,
               const Context& context) const;

 private:
  std::shared_ptr<const PackedMatrix> weight_;
  std::vector<float> bias_;
  std::shared_ptr<AdapterSlot> adapters_;
  std::size_t adapter_part_ = 0;
};

/// Rows that go into products, normalised on the way where `norm` is given: work.normed then holds them.
struct ProductInput {
  const float* x = nullptr;  // [rows, in_features]
  std::size_t rows = 0;
  const Norm* norm = nullptr;
  std::span<const RowSpan> spans = {};
};

/// One of several products of the same input.
struct Product {
  const Linear* linear = nullptr;
  float* y = nullptr;  // [rows, out_features]
};

/// A product whose input is ready: any worker may run any of its panels.
struct ReadyProduct {
  const Linear* linear = nullptr;
  const float* x = nullptr;           // [rows, in_features]
  const std::byte* packed = nullptr;  // what pack_x made of x; nullptr where the weight's format reads x itself
  std::size_t rows = 0;
  float* y = nullptr;  // [rows, out_features]
  std::span<const RowSpan> spans = {};
  const float* low_rank = nullptr;  // what reduce_low_rank made of x; not read without spans

  /// Outputs of panels [first, last).
  void run(std::size_t first, std::size_t last) const;
};

/// Floats of the low-rank inputs of `spans`.
std::size_t low_rank_size(const Linear& linear, std::span<const RowSpan> spans);

/// A x of every row of every span: [rows, rank] each, at `out` in the order of spans. Returns where they end.
float* reduce_low_rank(const Linear& linear, const float* x, std::span<const RowSpan> spans, float* out);

/// Told by the worker that has just computed outputs [begin, end) of all rows of product `product`.
using ProductEpilogue = FunctionRef<void(std::size_t product, std::size_t begin, std::size_t end)>;

/// All `products` of one input in one parallel region, their panels dealt out in a row.
void multiply(const ProductInput& input, std::span<const Product> products, const Context& context,
              ProductEpilogue epilogue);

/// As multiply, for products with equal out_features: a worker computes the same outputs of all of them, and the
/// epilogue is called once for each range, with product 0 (gate and up).
void multiply_together(const ProductInput& input, std::span<const Product> products, const Context& context,
                       ProductEpilogue epilogue);

/// Epilogue-less forms.
inline void multiply(const ProductInput& input, std::span<const Product> products, const Context& context) {
  multiply(input, products, context, [](std::size_t, std::size_t, std::size_t) {});
}

}  // namespace skald::nn
