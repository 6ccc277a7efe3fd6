#include "engine/prompt_room.h"

#include <algorithm>

namespace skald::engine {

void share_room(std::span<PromptShare> shares, std::int64_t room) {
  const auto grant = [&room](PromptShare& share, std::int64_t most) {
    const std::int64_t n = std::min({share.needed - share.granted, most, room});
    share.granted += n;
    room -= n;
  };
  if (shares.empty()) return;
  grant(shares[0], (room + 1) / 2);
  while (room > 0) {
    PromptShare* least = nullptr;
    for (PromptShare& share : shares) {
      const std::int64_t left = share.needed - share.granted;
      if (left > 0 && (least == nullptr || left < least->needed - least->granted)) least = &share;
    }
    if (least == nullptr) return;
    grant(*least, room);
  }
}

}  // namespace skald::engine
