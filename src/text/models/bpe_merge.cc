#include <algorithm>

#include "text/models/bpe.h"

namespace skald::text {
namespace {

constexpr std::size_t kShortWord = 48;  // symbols; from there on the queue is faster
constexpr std::uint32_t kNoRank = ~std::uint32_t{0};

Merge lookup(const MergeTable& merges, TokenId left, TokenId right) {
  const Merge* const found = merges.find(left, right);
  return found != nullptr ? *found : Merge{kNoRank, -1};
}

}  // namespace

void Merger::merge(const MergeTable& merges, std::vector<WordToken>& symbols) {
  if (symbols.size() < 2) return;
  if (symbols.size() <= kShortWord) {
    merge_short(merges, symbols);
  } else {
    merge_long(merges, symbols);
  }
}

void Merger::merge_short(const MergeTable& merges, std::vector<WordToken>& symbols) {
  std::size_t n = symbols.size();
  pairs_.resize(n);
  for (std::size_t i = 0; i + 1 < n; ++i) pairs_[i] = lookup(merges, symbols[i].id, symbols[i + 1].id);
  while (n > 1) {
    std::size_t best = 0;
    for (std::size_t i = 1; i + 1 < n; ++i) {
      if (pairs_[i].rank < pairs_[best].rank) best = i;
    }
    if (pairs_[best].rank == kNoRank) break;
    symbols[best].id = pairs_[best].id;
    symbols[best].end = symbols[best + 1].end;
    --n;
    std::copy(symbols.begin() + static_cast<std::ptrdiff_t>(best) + 2,
              symbols.begin() + static_cast<std::ptrdiff_t>(n) + 1,
              symbols.begin() + static_cast<std::ptrdiff_t>(best) + 1);
    std::copy(pairs_.begin() + static_cast<std::ptrdiff_t>(best) + 2,
              pairs_.begin() + static_cast<std::ptrdiff_t>(n) + 1,
              pairs_.begin() + static_cast<std::ptrdiff_t>(best) + 1);
    if (best + 1 < n) pairs_[best] = lookup(merges, symbols[best].id, symbols[best + 1].id);
    if (best > 0) pairs_[best - 1] = lookup(merges, symbols[best - 1].id, symbols[best].id);
  }
  symbols.resize(n);
}

void Merger::look_up(const MergeTable& merges, const std::vector<WordToken>& symbols, std::uint32_t left) {
  pairs_[left] = lookup(merges, symbols[left].id, symbols[next_[left]].id);
  if (pairs_[left].rank != kNoRank) queue_.push({pairs_[left].rank, left});
}

void Merger::merge_long(const MergeTable& merges, std::vector<WordToken>& symbols) {
  const auto n = static_cast<std::uint32_t>(symbols.size());
  next_.resize(n);
  before_.resize(n);
  pairs_.resize(n);
  queue_.clear();
  for (std::uint32_t i = 0; i < n; ++i) {
    next_[i] = i + 1;
    before_[i] = i - 1;
    if (i + 1 < n) look_up(merges, symbols, i);
  }
  while (const auto candidate = queue_.pop()) {
    const std::uint32_t left = candidate->place;
    if (pairs_[left].rank != candidate->rank) continue;  // the pair has changed since
    const std::uint32_t right = next_[left], after = next_[right];
    symbols[left].id = pairs_[left].id;
    symbols[left].end = symbols[right].end;
    symbols[right].id = -1;
    pairs_[right].rank = kNoRank;
    next_[left] = after;
    if (left > 0) look_up(merges, symbols, before_[left]);
    if (after < n) {
      before_[after] = left;
      look_up(merges, symbols, left);
    } else {
      pairs_[left].rank = kNoRank;
    }
  }
  std::erase_if(symbols, [](const WordToken& symbol) { return symbol.id < 0; });
}

}  // namespace skald::text
