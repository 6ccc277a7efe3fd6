// What requests leave behind for later ones that begin with the same tokens.
#pragma once

#include <cstddef>
#include <vector>

#include "engine/past.h"
#include "nn/state.h"

namespace skald::engine {

/// Whether a sequence can go back to every length it had: no layer forgets.
bool reaches_back(const nn::StateLayout& layout);

/// Pasts of one model, the least recently used given up first. They hold blocks of its pool, which they share with one
/// another and with sequences that run.
class PrefixCache {
 public:
  /// Of model number `index`. `most_blocks`: of the pool's units, that all would have together if they shared nothing.
  PrefixCache(decode::ModelIndex index, const models::ModelShape& shape, nn::StatePool& pool, std::size_t most_blocks);

  /// Takes over `past` with its state.
  void keep(Past past);
  /// Gives up the least recently used one; false: there is none.
  bool drop_oldest();
  void touch(const Past& past);
  [[nodiscard]] const std::vector<Past>& pasts() const { return pasts_; }

 private:
  void drop(std::size_t place);
  [[nodiscard]] bool replaces(const Past& past, const Past& old) const;
  [[nodiscard]] bool over_full() const;

  decode::ModelIndex index_;
  const models::ModelShape& shape_;
  nn::StatePool& pool_;
  std::size_t most_blocks_;
  bool reaches_back_;
  std::vector<Past> pasts_;  // the least recently used first
};

}  // namespace skald::engine
