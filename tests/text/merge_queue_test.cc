// Merging long words: the order of merges, and that a symbol costs the same in a word of any length.
#include "text/models/merge_queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

#include "text/models/bpe.h"

namespace skald::text {
namespace {

using Candidate = MergeQueue::Candidate;

TEST(MergeQueue, GivesTheLowestRankAndOfEqualsTheLeftmost) {
  std::mt19937 random(3);
  MergeQueue queue;
  for (int round = 0; round < 200; ++round) {
    queue.clear();
    std::multiset<Candidate> waiting;
    const auto push = [&] {
      const Candidate drawn{static_cast<std::uint32_t>(random() % 20), static_cast<std::uint32_t>(random() % 50)};
      queue.push(drawn);
      waiting.insert(drawn);
    };
    for (int i = 0; i < 100; ++i) push();
    for (int i = 0; i < 150 && !waiting.empty(); ++i) {
      ASSERT_EQ(queue.pop(), *waiting.begin());
      waiting.erase(waiting.begin());
      if (i < 100 && random() % 2 == 0) push();
    }
    EXPECT_EQ(queue.pop().has_value(), !waiting.empty());  // in some rounds it is cleared with places in it
  }
}

/// What Merger has to do, literally.
std::vector<WordToken> merged(const MergeTable& merges, std::vector<WordToken> symbols) {
  for (;;) {
    const Merge* best = nullptr;
    std::size_t at = 0;
    for (std::size_t i = 0; i + 1 < symbols.size(); ++i) {
      const Merge* const found = merges.find(symbols[i].id, symbols[i + 1].id);
      if (found != nullptr && (best == nullptr || found->rank < best->rank)) {
        best = found;
        at = i;
      }
    }
    if (best == nullptr) return symbols;
    symbols[at] = {best->id, symbols[at].begin, symbols[at + 1].end};
    symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(at) + 1);
  }
}

std::vector<WordToken> drawn_word(std::mt19937& random, std::uint32_t length, TokenId n_letters) {
  std::vector<WordToken> word;
  for (std::uint32_t i = 0; i < length; ++i) {
    word.push_back({static_cast<TokenId>(random() % static_cast<unsigned>(n_letters)), i, i + 1});
  }
  return word;
}

bool same(const WordToken& a, const WordToken& b) { return a.id == b.id && a.begin == b.begin && a.end == b.end; }

// Tables as no training gives them: tokens that earlier merges take up, and many merges of one rank.
TEST(Merger, MergesShortAndLongWordsAsTheRuleSays) {
  std::mt19937 random(4);
  Merger merger;
  for (int round = 0; round < 300; ++round) {
    MergeTable merges;
    merges.reserve(60);
    const unsigned ranks = 1 + random() % 60;
    for (TokenId id = 3; id < 40; ++id) {
      merges.insert(static_cast<TokenId>(random() % 40), static_cast<TokenId>(random() % 40),
                    {static_cast<std::uint32_t>(random() % ranks), id});
      merges.insert(static_cast<TokenId>(random() % 3), static_cast<TokenId>(random() % 3),
                    {static_cast<std::uint32_t>(random() % ranks), id});
    }
    std::vector<WordToken> word = drawn_word(random, 1 + random() % 200, 3);
    const std::vector<WordToken> wanted = merged(merges, word);
    merger.merge(merges, word);
    ASSERT_TRUE(std::ranges::equal(word, wanted, same)) << round;
  }
}

// Steps of the queue, for each symbol of a word.
double steps(const MergeTable& merges, std::vector<WordToken> word) {
  Merger merger;
  const auto length = static_cast<double>(word.size());
  merger.merge(merges, word);
  EXPECT_LT(static_cast<double>(word.size()), length);
  return static_cast<double>(merger.steps()) / length;
}

TEST(Merger, ASymbolCostsTheSameInAWordOfAnyLength) {
  constexpr std::uint32_t kShort = 1U << 12, kLong = 1U << 19;
  MergeTable doubling;  // "aa", "aaaa", ...
  doubling.reserve(10);
  for (TokenId id = 0; id < 10; ++id) doubling.insert(id, id, {static_cast<std::uint32_t>(id), id + 1});
  MergeTable pairs;  // of letters, and of what these give
  pairs.reserve(420);
  TokenId id = 4;
  for (const TokenId n : {4, 20}) {
    for (TokenId i = 0; i < n * n; ++i) {
      if (pairs.insert(i / n, i % n, {static_cast<std::uint32_t>(id), id})) ++id;
    }
  }
  std::mt19937 random(5);
  for (const auto& [merges, n_letters] : {std::pair(&doubling, 1), std::pair(&pairs, 4)}) {
    const double few = steps(*merges, drawn_word(random, kShort, n_letters));
    EXPECT_LT(steps(*merges, drawn_word(random, kLong, n_letters)), 1.05 * few) << n_letters;
    EXPECT_LT(few, 20) << n_letters;
  }
}

}  // namespace
}  // namespace skald::text
