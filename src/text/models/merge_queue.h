// Which neighbours of a long word are merged next.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace skald::text {

/// Places with ranks, taken out lowest rank first, leftmost first among equals.
///
/// A heap of all of them outgrows the caches with a word of a MiB. Merges that were learnt from texts make tokens that
/// only later merges take up: so places wait in a list for each rank, a heap has the ranks alone, and a place costs the
/// same in a word of any length. Only places of ranks that have had their turn wait in a heap.
class MergeQueue {
 public:
  struct Candidate {
    std::uint32_t rank = 0, place = 0;
    friend auto operator<=>(const Candidate&, const Candidate&) = default;
  };

  void clear();
  void push(Candidate candidate);
  /// Nothing where the queue is empty.
  std::optional<Candidate> pop();

  /// How many places were put in since clear(), and how many comparisons that has cost so far.
  [[nodiscard]] std::uint64_t steps() const { return steps_; }
  [[nodiscard]] std::size_t bytes() const;

 private:
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};
  struct Entry {
    std::uint32_t place = 0, next = kNone;
  };
  void take_list(std::uint32_t rank);
  [[nodiscard]] auto later() {
    return [this](const auto& a, const auto& b) { return ++steps_, a > b; };
  }

  std::vector<std::uint32_t> newest_;  // [ranks]: the entry put in last; kNone: no place waits
  std::vector<std::uint32_t> ranks_;   // a heap of those that places wait for
  std::vector<Entry> entries_;         // of lists, each from its newest entry to its oldest
  std::uint32_t free_ = kNone;         // a list of those that are free
  std::vector<std::uint32_t> places_;  // of the rank whose turn it is, the last one first
  std::uint32_t turns_ = 0;            // that rank + 1
  std::vector<Candidate> early_;       // a heap of what was put in with that rank or a lower one
  std::uint64_t steps_ = 0;
};

}  // namespace skald::text
