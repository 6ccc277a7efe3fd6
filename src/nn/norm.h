// RMS normalisation, https://arxiv.org/abs/1910.07467 : y = x / sqrt(mean(x²) + eps) * gain
#pragma once

#include <utility>
#include <vector>

#include "kernels/kernels.h"

namespace skald::nn {

class RmsNorm {
 public:
  RmsNorm() = default;
  RmsNorm(std::vector<float> gain, float eps) : gain_(std::move(gain)), eps_(eps) {}

  [[nodiscard]] std::size_t size() const { return gain_.size(); }
  /// One row; x [size()] and y [size()] may be the same.
  void forward(const float* x, float* y) const { kernels::table().rms_norm(x, gain_.data(), gain_.size(), eps_, y); }

 private:
  std::vector<float> gain_;  // [size()]
  float eps_ = 0;
};

}  // namespace skald::nn
