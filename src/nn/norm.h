// Normalisation of one row:
//   rms    y = x / sqrt(mean(x²) + eps) * gain                      https://arxiv.org/abs/1910.07467
//   layer  y = (x - mean(x)) / sqrt(var(x) + eps) * gain + bias     https://arxiv.org/abs/1607.06450
#pragma once

#include <utility>
#include <vector>

#include "kernels/kernels.h"

namespace skald::nn {

class Norm {
 public:
  Norm() = default;
  /// gain [size].
  static Norm rms(std::vector<float> gain, float eps) { return {Kind::rms, std::move(gain), {}, eps}; }
  /// gain, bias [size]; bias may be empty.
  static Norm layer(std::vector<float> gain, std::vector<float> bias, float eps) {
    return {Kind::layer, std::move(gain), std::move(bias), eps};
  }

  [[nodiscard]] std::size_t size() const { return gain_.size(); }
  /// One row; x [size()] and y [size()] may be the same.
  void forward(const float* x, float* y) const {
    const kernels::KernelTable& kernel = kernels::table();
    if (kind_ == Kind::rms) return kernel.rms_norm(x, gain_.data(), gain_.size(), eps_, y);
    kernel.layer_norm(x, gain_.data(), bias_.empty() ? nullptr : bias_.data(), gain_.size(), eps_, y);
  }

 private:
  enum class Kind { rms, layer };
  Norm(Kind kind, std::vector<float> gain, std::vector<float> bias, float eps)
      : kind_(kind), gain_(std::move(gain)), bias_(std::move(bias)), eps_(eps) {}

  Kind kind_ = Kind::rms;
  std::vector<float> gain_;  // [size()]
  std::vector<float> bias_;  // [size()] or empty
  float eps_ = 0;
};

}  // namespace skald::nn
