// Attention biases by relative position, from a table of buckets.
#pragma once

#include <cstdint>
#include <vector>

#include "nn/attention.h"

namespace skald::nn {

/// How distances share the rows of the table, https://arxiv.org/abs/1910.10683 : one row for each small distance, then
/// logarithmically wider buckets up to max_distance, and one for all beyond. Reference: T5Attention of transformers.
struct RelativeBuckets {
  std::int64_t buckets = 32;        // at least 4
  std::int64_t max_distance = 128;  // above buckets / 2
  bool both_sides = false;          // half of the buckets for keys behind the query, half for those before it

  /// The bucket of `offset` = key position - query position, in [0, buckets).
  [[nodiscard]] std::int64_t of(std::int64_t offset) const;
};

/// The biases of all offsets from `table` [buckets][n_heads].
RelativeBias make_relative_bias(const RelativeBuckets& buckets, const std::vector<std::vector<float>>& table);

}  // namespace skald::nn
