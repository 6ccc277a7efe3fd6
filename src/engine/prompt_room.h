// Who of several prompts gets how many rows of a step.
#pragma once

#include <cstdint>
#include <span>

namespace skald::engine {

/// Rows that a prompt still needs, and how many of them it gets.
struct PromptShare {
  std::int64_t needed = 0;
  std::int64_t granted = 0;
};

/// Grants `room` rows. Half of them go to the first of `shares`, the oldest, so that it comes to an end; the others to
/// those that need the fewest, so that a long prompt makes no short one wait; what is left to the first again.
void share_room(std::span<PromptShare> shares, std::int64_t room);

}  // namespace skald::engine
