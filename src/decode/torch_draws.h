// Draws with the numbers of torch: the same tokens as transformers' generate() after set_seed(seed).
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

#include "base/torch_random.h"
#include "decode/candidates.h"
#include "skald/torch_random.h"

namespace skald::decode {

/// One generator for all rows of a call. At each step torch.multinomial fills a block [n_rows, row_size] with numbers,
/// row by row, also those of rows that have ended: so the rows of a call step together (Group::lockstep). Any thread.
class TorchDraws {
 public:
  /// `random`: goes on behind what is drawn.
  TorchDraws(std::shared_ptr<TorchRandom> random, std::size_t n_rows, std::size_t row_size);

  /// The exponential variate of place `place` of row `row` at `step`. Steps never go back.
  [[nodiscard]] float exponential(std::int64_t step, std::size_t row, std::size_t place);

  /// torch.multinomial(softmax(candidates), 1) of a row: argmax of p / exponential. -1 where no token is left.
  [[nodiscard]] TokenId draw(const Candidates& candidates, std::int64_t step, std::size_t row);

 private:
  void go_to(std::int64_t step);

  std::mutex mutex_;  // of the block
  std::shared_ptr<TorchRandom> random_;
  TorchGenerator generator_;
  std::size_t row_size_;
  std::int64_t step_ = -1;
  std::vector<std::uint64_t> block_;  // [n_rows, row_size]: two words each, what a variate is made of
};

}  // namespace skald::decode
