#include "engine/prefix_cache.h"

#include <algorithm>
#include <utility>

namespace skald::engine {
namespace {

constexpr std::size_t kMostPasts = 256;  // each is compared with what a new prompt begins with

}  // namespace

bool reaches_back(const nn::StateLayout& layout) {
  return std::ranges::none_of(layout.groups, [](const nn::StateGroup& group) {
    return group.kind == nn::StateGroup::Kind::recurrent || group.window > 0;
  });
}

PrefixCache::PrefixCache(decode::ModelIndex index, const models::ModelShape& shape, nn::StatePool& pool,
                         std::size_t most_blocks)
    : index_(index),
      shape_(shape),
      pool_(pool),
      most_blocks_(most_blocks),
      reaches_back_(reaches_back(pool.layout())) {}

void PrefixCache::drop(std::size_t place) {
  pool_.drop(pasts_[place].id);
  pasts_.erase(pasts_.begin() + static_cast<std::ptrdiff_t>(place));
}

bool PrefixCache::drop_oldest() {
  if (pasts_.empty()) return false;
  drop(0);
  return true;
}

void PrefixCache::touch(const Past& past) {
  const auto it = pasts_.begin() + (&past - pasts_.data());
  std::rotate(it, it + 1, pasts_.end());
}

// All that `old` has, `past` has too.
bool PrefixCache::replaces(const Past& past, const Past& old) const {
  return reaches_back_ && may_share(*past.conditions, *old.conditions, index_) &&
         common_length(past, past.tokens, old, old.tokens, shape_) == old.length();
}

bool PrefixCache::over_full() const {
  std::size_t blocks = 0;
  for (const Past& past : pasts_) blocks += pool_.blocks_for(past.length());
  return pasts_.size() > kMostPasts || blocks > most_blocks_;
}

void PrefixCache::keep(Past past) {
  for (std::size_t i = pasts_.size(); i-- > 0;) {
    if (replaces(past, pasts_[i])) drop(i);
  }
  past.owner = nullptr;
  pasts_.push_back(std::move(past));
  while (over_full()) drop(0);
}

}  // namespace skald::engine
