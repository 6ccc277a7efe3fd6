#include "nn/state.h"

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <random>

#include "skald/error.h"

namespace skald::nn {
namespace {

using Kind = StateGroup::Kind;

constexpr std::size_t kHeads = 2;
constexpr std::size_t kDim = 4;

StateGroup paged(std::vector<int> layers, std::int64_t window = 0) {
  return {.kind = Kind::paged,
          .layers = std::move(layers),
          .kv_heads = kHeads,
          .k_dim = kDim,
          .v_dim = kDim,
          .window = window};
}

StatePoolOptions options(std::size_t budget = std::size_t{64} << 20, std::int64_t draft = 0) {
  return {.kv_type = kernels::KvType::f32, .budget_bytes = budget, .longest_draft = draft};
}

// Stores a mark in every head of one position.
void put(StatePool& pool, SequenceId s, int layer, std::int64_t position, float mark) {
  std::vector<float> k(kHeads * kDim);
  std::vector<float> v(kHeads * kDim);
  for (std::size_t i = 0; i < k.size(); ++i) {
    k[i] = mark + static_cast<float>(i);
    v[i] = -mark - static_cast<float>(i);
  }
  pool.store(s, layer, position, k.data(), v.data());
}

// The mark of one position; NaN where its block was freed. Checks that all heads, keys and values agree.
float get(const StatePool& pool, SequenceId s, int layer, std::int64_t position) {
  float mark = 0;
  for (std::size_t h = 0; h < kHeads; ++h) {
    const std::byte* k = nullptr;
    const std::byte* v = nullptr;
    pool.k_blocks(s, layer, h, position / 32, {&k, 1});
    pool.v_blocks(s, layer, h, position / 32, {&v, 1});
    if (k == nullptr || v == nullptr) return std::numeric_limits<float>::quiet_NaN();
    const auto slot = static_cast<std::size_t>(position % 32);
    for (std::size_t d = 0; d < kDim; ++d) {
      float key = 0;
      float value = 0;
      std::memcpy(&key, k + (d * kernels::kBlock + slot) * sizeof(float), sizeof(float));
      std::memcpy(&value, v + (slot * 16 + d) * sizeof(float), sizeof(float));
      EXPECT_EQ(key, -value);
      if (h == 0 && d == 0) mark = key;
      EXPECT_EQ(key, mark + static_cast<float>(h * kDim + d));
    }
  }
  return mark;
}

void extend(StatePool& pool, SequenceId s, const std::vector<int>& layers, const std::vector<float>& marks) {
  ASSERT_TRUE(pool.reserve(s, static_cast<std::int64_t>(marks.size())));
  std::int64_t position = pool.length(s);
  for (const float mark : marks) {
    for (const int layer : layers) put(pool, s, layer, position, mark + static_cast<float>(layer) * 0.5f);
    ++position;
  }
  pool.commit(s, static_cast<std::int64_t>(marks.size()));
}

std::vector<float> marks(int n, float first) {
  std::vector<float> out(static_cast<std::size_t>(n));
  for (int i = 0; i < n; ++i) out[static_cast<std::size_t>(i)] = first + static_cast<float>(i) * 16;
  return out;
}

TEST(StatePool, ForkSharesFullBlocksAndCopiesTheLastOnWrite) {
  StatePool pool({{paged({0, 1})}}, options());
  const SequenceId a = pool.create();
  extend(pool, a, {0, 1}, marks(70, 1));
  const std::size_t before = pool.bytes_in_use();
  const SequenceId b = pool.fork(a);
  EXPECT_EQ(pool.bytes_in_use(), before);
  extend(pool, b, {0, 1}, marks(1, 5000));
  EXPECT_EQ(pool.bytes_in_use(), before / 3 * 4);  // one block copied
  extend(pool, a, {0, 1}, marks(1, 9000));
  EXPECT_EQ(pool.bytes_in_use(), before / 3 * 4);  // the original is now a's alone
  EXPECT_EQ(get(pool, a, 1, 70), 9000.5f);
  EXPECT_EQ(get(pool, b, 1, 70), 5000.5f);
  EXPECT_EQ(get(pool, b, 0, 69), get(pool, a, 0, 69));
  pool.drop(a);
  EXPECT_EQ(get(pool, b, 0, 3), 49.0f);
  pool.drop(b);
  EXPECT_EQ(pool.bytes_in_use(), 0U);
}

TEST(StatePool, WindowFreesBlocksBehindWindowAndDraft) {
  StatePool pool({{paged({0}, /*window=*/40), paged({1})}}, options(std::size_t{64} << 20, /*draft=*/8));
  const SequenceId s = pool.create();
  extend(pool, s, {0, 1}, marks(200, 1));
  // Queries from 192 on see 153 and later: block 4 (128..159) stays, block 3 goes.
  EXPECT_TRUE(std::isnan(get(pool, s, 0, 127)));
  EXPECT_EQ(get(pool, s, 0, 128), 1 + 128 * 16);
  EXPECT_EQ(get(pool, s, 1, 0), 1.5f);
  pool.rewind(s, 8);
  EXPECT_EQ(pool.rewindable(s, 167), 167);  // its window begins at 128
  EXPECT_EQ(pool.rewindable(s, 166), 0);
  EXPECT_THROW(pool.rewind(s, 60), UsageError);
  EXPECT_EQ(pool.length(s), 192);
  pool.rewind(s, 192);
  EXPECT_EQ(pool.bytes_in_use(), 0U);
}

TEST(StatePool, BudgetRefusesWithoutChange) {
  StatePool probe({{paged({0})}}, options());
  const std::size_t block = probe.bytes_per_position() * 32;
  StatePool pool({{paged({0})}}, options(3 * block));
  const SequenceId a = pool.create();
  EXPECT_EQ(pool.blocks_free(), 3U);
  EXPECT_FALSE(pool.reserve(a, 97));
  EXPECT_EQ(pool.bytes_in_use(), 0U);
  extend(pool, a, {0}, marks(90, 1));
  const SequenceId b = pool.fork(a);
  EXPECT_FALSE(pool.reserve(b, 1));  // the shared last block would have to be copied
  pool.drop(a);
  EXPECT_TRUE(pool.reserve(b, 6));
  pool.abandon(b);
  EXPECT_EQ(pool.length(b), 90);
}

TEST(StatePool, AdmissionCountsAreEnough) {
  StatePool probe({{paged({0}), paged({1, 2}, 64)}}, options());
  const std::size_t units = probe.blocks_for(100);
  EXPECT_GE(units, 4U + 4 * 2);
  StatePoolOptions bounded = options();
  bounded.longest_chunk = 32;
  StatePool windowed({{paged({0}, 64)}}, bounded);
  EXPECT_LE(windowed.blocks_for(100000), 5U);
}

TEST(StatePool, RecurrentStateForksRewindsAndIsAbandoned) {
  const StateGroup group{.kind = Kind::recurrent, .layers = {0, 1}, .bytes = 16};
  StatePool pool({{group, paged({2})}}, options(std::size_t{64} << 20, /*draft=*/3));
  const auto step = [&](SequenceId s, std::int64_t n, float value) {
    ASSERT_TRUE(pool.reserve(s, n));
    std::memcpy(pool.recurrent(s, 1).after, &value, sizeof value);
    pool.commit(s, n);
  };
  const auto peek = [&](SequenceId s) {
    float value = 0;
    EXPECT_TRUE(pool.reserve(s, 1));
    const std::byte* const before = pool.recurrent(s, 1).before;
    if (before != nullptr) std::memcpy(&value, before, sizeof value);
    pool.abandon(s);
    return value;
  };
  const SequenceId a = pool.create();
  EXPECT_EQ(peek(a), 0);
  step(a, 5, 1);
  const SequenceId b = pool.fork(a);
  step(a, 4, 2);
  EXPECT_EQ(peek(a), 2);
  EXPECT_EQ(peek(b), 1);
  EXPECT_EQ(pool.rewindable(a, 7), 5);
  EXPECT_THROW(pool.rewind(a, 2), UsageError);
  pool.rewind(a, 4);
  EXPECT_EQ(peek(a), 1);
  step(a, 1, 7);
  step(a, 1, 8);
  pool.rewind(a, 1);
  EXPECT_EQ(peek(a), 7);
  ASSERT_TRUE(pool.reserve(a, 2));
  float half_done = 99;
  std::memcpy(pool.recurrent(a, 1).after, &half_done, sizeof half_done);
  const SequenceId c = pool.fork(a);  // sees what a had before the pass
  pool.abandon(a);
  EXPECT_EQ(peek(a), 7);
  EXPECT_EQ(peek(c), 7);
  for (const SequenceId s : {a, b, c}) pool.drop(s);
  EXPECT_EQ(pool.bytes_in_use(), 0U);
}

TEST(StatePool, RecurrentSnapshotsReachTheLongestRewind) {
  const StateGroup group{.kind = Kind::recurrent, .layers = {0}, .bytes = 64};
  StatePool pool({{group}}, options(std::size_t{64} << 20, /*draft=*/4));
  const auto step = [&](SequenceId s, std::int64_t n) {
    ASSERT_TRUE(pool.reserve(s, n));
    pool.commit(s, n);
    EXPECT_LE(pool.bytes_in_use(), (pool.blocks_for(1) - 1) * 64);  // one is for the next pass
  };
  const SequenceId a = pool.create();
  step(a, 100);
  for (int i = 0; i < 3; ++i) step(a, 1);
  EXPECT_EQ(pool.rewindable(a, 99), 0);
  for (int i = 3; i < 20; ++i) step(a, 1);
  EXPECT_EQ(pool.rewindable(a, 116), 116);
  step(a, 30);
  EXPECT_EQ(pool.rewindable(a, 146), 120);  // before the chunk: the rows between are run again
  EXPECT_TRUE(pool.reserve(a, 0));
  pool.rewind(a, 30);
  EXPECT_EQ(pool.length(a), 120);
  pool.drop(a);
  EXPECT_EQ(pool.bytes_in_use(), 0U);
}

TEST(StatePool, CrossStateIsSharedByForks) {
  StateGroup cross = paged({3, 4});
  cross.kind = Kind::cross;
  StatePool pool({{paged({0}), cross}}, options());
  const SequenceId a = pool.create();
  ASSERT_TRUE(pool.reserve_cross(a, 50));
  for (int i = 0; i < 50; ++i) put(pool, a, 4, i, static_cast<float>(i));
  extend(pool, a, {0}, marks(3, 1));
  const std::size_t before = pool.bytes_in_use();
  const SequenceId b = pool.fork(a);
  extend(pool, b, {0}, marks(1, 1));
  pool.rewind(b, 4);
  EXPECT_EQ(pool.cross_length(b), 50);
  EXPECT_EQ(get(pool, b, 4, 49), 49.0f);
  EXPECT_EQ(pool.bytes_in_use(), before);
  pool.drop(a);
  EXPECT_EQ(get(pool, b, 4, 33), 33.0f);
  EXPECT_THROW(static_cast<void>(pool.reserve_cross(b, 1)), UsageError);
  pool.drop(b);
  EXPECT_EQ(pool.bytes_in_use(), 0U);
}

TEST(StatePool, UnknownSequencesAreRefused) {
  StatePool pool({{paged({0})}}, options());
  EXPECT_THROW(static_cast<void>(pool.length(0)), UsageError);
  const SequenceId a = pool.create();
  pool.drop(a);
  EXPECT_THROW(static_cast<void>(pool.reserve(a, 1)), UsageError);
}

// Random forks, rewinds, drops, abandoned and committed passes against plain vectors.
TEST(StatePool, EqualsASimpleModelUnderRandomUse) {
  for (unsigned seed = 0; seed < 20; ++seed) {
    std::mt19937 random(seed);
    const std::int64_t draft = seed % 3 == 0 ? 5 : 0;
    const std::int64_t window = 1 + static_cast<std::int64_t>(random() % 90);
    StatePool pool({{paged({0}), paged({1}, window)}}, options(std::size_t{1} << 20, draft));
    std::map<SequenceId, std::vector<float>> expected;
    float next = 1;
    const auto pick = [&] {
      return std::next(expected.begin(), static_cast<std::ptrdiff_t>(random() % expected.size()));
    };
    for (int step = 0; step < 600; ++step) {
      const unsigned action = random() % 10;
      if (expected.empty() || (action == 0 && expected.size() < 12)) {
        expected[pool.create()] = {};
      } else if (action <= 2 && expected.size() < 12) {
        const auto parent = pick();
        const SequenceId child = pool.fork(parent->first);
        expected[child] = parent->second;
      } else if (action == 3) {
        const auto victim = pick();
        pool.drop(victim->first);
        expected.erase(victim);
      } else if (action == 4) {
        const auto s = pick();
        const auto length = static_cast<std::int64_t>(s->second.size());
        const std::int64_t n = random() % 4 == 0 ? length : std::min<std::int64_t>(length, 1 + random() % 5);
        if (pool.rewindable(s->first, length - n) != length - n) continue;
        pool.rewind(s->first, n);
        s->second.resize(static_cast<std::size_t>(length - n));
      } else {
        const auto s = pick();
        const auto n = static_cast<std::int64_t>(1 + random() % (action == 5 ? 100 : 6));
        if (!pool.reserve(s->first, n)) continue;
        const bool commits = random() % 5 != 0;
        for (std::int64_t i = 0; i < n; ++i, next += 16) {
          for (const int layer : {0, 1}) put(pool, s->first, layer, pool.length(s->first) + i, next);
          if (commits) s->second.push_back(next);
        }
        commits ? pool.commit(s->first, n) : pool.abandon(s->first);
      }
      if (step % 10 != 0) continue;
      for (const auto& [s, values] : expected) {
        const auto length = static_cast<std::int64_t>(values.size());
        ASSERT_EQ(pool.length(s), length);
        for (std::int64_t i = 0; i < length; ++i) {
          ASSERT_EQ(get(pool, s, 0, i), values[static_cast<std::size_t>(i)]) << "seed " << seed << " step " << step;
          if (i < length - window + 1) continue;
          ASSERT_EQ(get(pool, s, 1, i), values[static_cast<std::size_t>(i)]) << "seed " << seed << " step " << step;
        }
      }
    }
    for (const auto& [s, values] : expected) pool.drop(s);
    EXPECT_EQ(pool.bytes_in_use(), 0U);
  }
}

TEST(StatePool, KeysAndValuesInEightBitsTakeAByteAndTheirScales) {
  const StateLayout layout{{paged({0, 1})}};
  const StatePool pool(layout, {.kv_type = kernels::KvType::int8});
  EXPECT_EQ(pool.bytes_per_position(), 2 * kHeads * ((kDim + 4) + (16 + 4)));
}

}  // namespace
}  // namespace skald::nn
