#include <algorithm>
#include <functional>

#include "text/models/bpe.h"

namespace skald::text {
namespace {

constexpr std::size_t kShortWord = 48;  // symbols; from there on the queue is faster
constexpr std::uint32_t kNoRank = ~std::uint32_t{0};
constexpr std::uint32_t kEnd = ~std::uint32_t{0};

// An entry of the queue: less is earlier.
std::uint64_t candidate(std::uint32_t rank, std::uint32_t position) { return std::uint64_t{rank} << 32 | position; }

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

void Merger::push(const MergeTable& merges, const std::vector<WordToken>& symbols, std::uint32_t left) {
  const Merge* const found = merges.find(symbols[left].id, symbols[next_[left]].id);
  if (found == nullptr) return;
  queue_.push_back(candidate(found->rank, left));
  std::push_heap(queue_.begin(), queue_.end(), std::greater<>());
}

void Merger::merge_long(const MergeTable& merges, std::vector<WordToken>& symbols) {
  const auto n = static_cast<std::uint32_t>(symbols.size());
  next_.resize(n);
  before_.resize(n);
  queue_.clear();
  for (std::uint32_t i = 0; i < n; ++i) {
    next_[i] = i + 1 < n ? i + 1 : kEnd;
    before_[i] = i > 0 ? i - 1 : kEnd;
    if (i + 1 == n) break;
    const Merge* const found = merges.find(symbols[i].id, symbols[i + 1].id);
    if (found != nullptr) queue_.push_back(candidate(found->rank, i));
  }
  std::make_heap(queue_.begin(), queue_.end(), std::greater<>());
  while (!queue_.empty()) {
    const std::uint64_t top = queue_.front();
    std::pop_heap(queue_.begin(), queue_.end(), std::greater<>());
    queue_.pop_back();
    const auto left = static_cast<std::uint32_t>(top);
    const std::uint32_t right = next_[left];
    if (symbols[left].id < 0 || right == kEnd) continue;
    // The pair may have changed since it was queued; its successor is in the queue then.
    const Merge* const now = merges.find(symbols[left].id, symbols[right].id);
    if (now == nullptr || now->rank != top >> 32) continue;
    symbols[left].id = now->id;
    symbols[left].end = symbols[right].end;
    symbols[right].id = -1;
    next_[left] = next_[right];
    if (next_[left] != kEnd) before_[next_[left]] = left;
    if (before_[left] != kEnd) push(merges, symbols, before_[left]);
    if (next_[left] != kEnd) push(merges, symbols, left);
  }
  std::erase_if(symbols, [](const WordToken& symbol) { return symbol.id < 0; });
}

}  // namespace skald::text
