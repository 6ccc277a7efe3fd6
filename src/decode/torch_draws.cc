#include "decode/torch_draws.h"

#include <cmath>
#include <limits>
#include <utility>

#include "skald/error.h"

namespace skald::decode {

TorchDraws::TorchDraws(std::shared_ptr<TorchRandom> random, std::size_t n_rows, std::size_t row_size)
    : random_(std::move(random)), generator_(random_->take()), row_size_(row_size), block_(n_rows * row_size) {}

void TorchDraws::go_to(std::int64_t step) {
  if (step == step_) return;
  if (step < step_) throw UsageError("the rows of a call that draws as torch does must step together");
  for (; step_ < step; ++step_) {
    for (std::uint64_t& bits : block_) bits = generator_.long_word();
  }
  random_->put_back(generator_);
}

float TorchDraws::exponential(std::int64_t step, std::size_t row, std::size_t place) {
  const std::lock_guard lock(mutex_);
  go_to(step);
  return TorchGenerator::exponential_of(block_[row * row_size_ + place]);
}

// Few tokens are left after the warpers: only theirs are turned from words into variates.
TokenId TorchDraws::draw(const Candidates& candidates, std::int64_t step, std::size_t row) {
  {
    const std::lock_guard lock(mutex_);
    go_to(step);
  }
  const Distribution distribution = candidates.distribution();
  TokenId best = -1;
  float best_ratio = -1;
  candidates.for_each([&](TokenId token, float logit) {
    if (!(logit > -std::numeric_limits<float>::infinity())) return;
    const float p = static_cast<float>(std::exp(logit - distribution.log_sum));
    const float ratio = p / TorchGenerator::exponential_of(block_[row * row_size_ + static_cast<std::size_t>(token)]);
    if (ratio > best_ratio || (ratio == best_ratio && token < best)) {
      best = token;
      best_ratio = ratio;
    }
  });
  return best;
}

}  // namespace skald::decode
