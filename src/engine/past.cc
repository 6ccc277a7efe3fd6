#include "engine/past.h"

#include <algorithm>

namespace skald::engine {

std::int64_t common_length(const Past& past, std::span<const TokenId> theirs, const Past& wanted,
                           std::span<const TokenId> tokens, const models::ModelShape& shape) {
  const std::int64_t n = std::ranges::mismatch(theirs, tokens).in1 - theirs.begin();
  if (!shape.length_dependent_rope) return n;
  std::int64_t same = 0;
  while (same < n && shape.rope_class(past.rope_length(same)) == shape.rope_class(wanted.rope_length(same))) ++same;
  return same;
}

}  // namespace skald::engine
