// How long drafts should be, from how the last ones did.
#pragma once

#include <algorithm>
#include <cstdint>

#include "skald/generation_config.h"

namespace skald::decode {

/// Schedules: constant; heuristic (transformers: two more when all tokens were kept, else one less); adaptive: one more
/// than was kept of the last ones, and a pause where nothing is.
class DraftLength {
 public:
  DraftLength(DraftSchedule schedule, std::int64_t most)
      : schedule_(schedule), most_(most), next_(schedule == DraftSchedule::adaptive ? std::min(most, kFirst) : most) {}

  /// Tokens of the next draft; 0: none this time.
  [[nodiscard]] std::int64_t next() {
    if (pause_ == 0) return next_;
    --pause_;
    return 0;
  }

  void learn(std::int64_t n_drafted, std::int64_t n_kept) {
    if (n_drafted == 0 || schedule_ == DraftSchedule::constant) return;
    const bool all = n_kept == n_drafted;
    if (schedule_ != DraftSchedule::adaptive) {
      next_ = all ? next_ + 2 : std::max<std::int64_t>(1, next_ - 1);
      return;
    }
    next_ = std::min(most_, all ? 2 * n_kept + 1 : n_kept + 1);
    n_failed_ = n_kept > 0 ? 0 : n_failed_ + 1;
    if (n_failed_ >= kPatience) pause_ = std::min<std::int64_t>(kLongestPause, n_failed_);
  }

 private:
  static constexpr std::int64_t kFirst = 4, kPatience = 3, kLongestPause = 16;
  DraftSchedule schedule_;
  std::int64_t most_;
  std::int64_t next_;
  std::int64_t pause_ = 0;
  std::int64_t n_failed_ = 0;
};

}  // namespace skald::decode
