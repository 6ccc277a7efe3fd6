#include "text/models/merge_queue.h"

#include <algorithm>

namespace skald::text {

void MergeQueue::clear() {
  for (const std::uint32_t rank : ranks_) newest_[rank] = kNone;
  ranks_.clear();
  entries_.clear();
  free_ = kNone;
  places_.clear();
  turns_ = 0;
  early_.clear();
  steps_ = 0;
}

void MergeQueue::push(Candidate candidate) {
  ++steps_;
  if (candidate.rank < turns_) {
    early_.push_back(candidate);
    return std::push_heap(early_.begin(), early_.end(), later());
  }
  if (candidate.rank >= newest_.size()) newest_.resize(candidate.rank + 1, kNone);
  std::uint32_t& newest = newest_[candidate.rank];
  if (newest == kNone) {
    ranks_.push_back(candidate.rank);
    std::push_heap(ranks_.begin(), ranks_.end(), later());
  }
  if (free_ == kNone) {
    entries_.push_back({candidate.place, newest});
    newest = static_cast<std::uint32_t>(entries_.size() - 1);
  } else {
    const std::uint32_t entry = free_;
    free_ = entries_[entry].next;
    entries_[entry] = {candidate.place, newest};
    newest = entry;
  }
}

std::optional<MergeQueue::Candidate> MergeQueue::pop() {
  if (places_.empty() && early_.empty()) {
    if (ranks_.empty()) return std::nullopt;
    std::pop_heap(ranks_.begin(), ranks_.end(), later());
    take_list(ranks_.back());
    ranks_.pop_back();
  }
  if (!early_.empty() && (places_.empty() || early_.front() < Candidate{turns_ - 1, places_.back()})) {
    std::pop_heap(early_.begin(), early_.end(), later());
    const Candidate candidate = early_.back();
    early_.pop_back();
    return candidate;
  }
  const Candidate candidate{turns_ - 1, places_.back()};
  places_.pop_back();
  return candidate;
}

void MergeQueue::take_list(std::uint32_t rank) {
  std::uint32_t last = kNone;
  for (std::uint32_t entry = newest_[rank]; entry != kNone; entry = entries_[entry].next) {
    places_.push_back(entries_[entry].place);
    last = entry;
  }
  entries_[last].next = free_;
  free_ = newest_[rank];
  newest_[rank] = kNone;
  turns_ = rank + 1;
  // Places come mostly from the left to the right.
  steps_ += places_.size();
  if (!std::is_sorted(places_.begin(), places_.end(), std::greater<>())) {
    std::sort(places_.begin(), places_.end(), later());
  }
}

std::size_t MergeQueue::bytes() const {
  return entries_.capacity() * sizeof(Entry) + early_.capacity() * sizeof(Candidate) +
         (newest_.capacity() + ranks_.capacity() + places_.capacity()) * sizeof(std::uint32_t);
}

}  // namespace skald::text
