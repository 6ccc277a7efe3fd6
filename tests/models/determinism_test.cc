// One answer however it is computed: bit-identical logits for every way to run a sequence, on every kernel table.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "models/model_case.h"

namespace skald::models {
namespace {

using Logits = std::map<std::int32_t, std::vector<float>>;  // by position

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

void expect_same(const Logits& wanted, const Logits& found, const std::string& what) {
  ASSERT_FALSE(found.empty());
  for (const auto& [position, logits] : found) {
    ASSERT_TRUE(same_bits(wanted.at(position), logits)) << what << " differs at position " << position;
  }
}

struct Setting {
  std::string table;
  int bits;
  int kv_bits;
};

std::vector<Setting> settings() {
  std::vector<Setting> out;
  for (const kernels::KernelTable* table : kernels::available_tables()) {
    for (const int bits : {32, 16, 8, 4}) out.push_back({table->name, bits, 0});
    out.push_back({table->name, 16, 8});
  }
  return out;
}

class Determinism : public testing::TestWithParam<Setting> {
 protected:
  void SetUp() override { kernels::use_table(GetParam().table); }
  void TearDown() override { kernels::use_table(before_); }

  static LoadOptions load_options() { return {.bits = GetParam().bits, .kv_bits = GetParam().kv_bits}; }

  // Positions [begin, end) in passes of `chunk` rows.
  static Logits in_chunks(const DecoderModel& model, StatePool& state, ThreadPool& pool, const ModelCase& c,
                          nn::SequenceId s, std::size_t begin, std::size_t end, std::size_t chunk) {
    Logits out;
    for (std::size_t p = begin; p < end; p += chunk) {
      const auto part = run_rows(model, state, pool, case_rows(c, s, p, std::min(end, p + chunk)));
      for (const auto& [row, logits] : part) out[row + static_cast<std::int32_t>(p)] = logits;
    }
    return out;
  }

 private:
  std::string before_ = kernels::table().name;
};

TEST_P(Determinism, EveryWayGivesTheSameBits) {
  ThreadPool one(1);
  ThreadPool two(2);
  ThreadPool four(4);
  for (const ModelCase& c : model_cases()) {
    SCOPED_TRACE(c.name());
    const auto model = load_model(c.folder, load_options(), two);
    const std::size_t n = c.length();
    const auto run = [&](ThreadPool& pool, std::size_t chunk) {
      const auto state = make_pool(*model);
      return in_chunks(*model, *state, pool, c, begin_case(*model, c, *state, pool), 0, n, chunk);
    };
    const Logits alone = run(one, n);
    expect_same(alone, run(two, n), "two threads");
    expect_same(alone, run(four, 1), "four threads, one by one");
    expect_same(alone, run(one, 1), "one by one");
    expect_same(alone, run(two, 7), "chunks of 7");
    expect_same(alone, run(two, 512), "chunks of 512");

    // The last of sixteen sequences that stand at different places.
    const auto state = make_pool(*model);
    std::vector<nn::Row> rows;
    for (std::size_t i = 0; i < 15; ++i) {
      const auto other = case_rows(c, begin_case(*model, c, *state, two), 0, 3 + 5 * i % 29);
      rows.insert(rows.end(), other.begin(), other.end());
    }
    const nn::SequenceId s = begin_case(*model, c, *state, two);
    const std::size_t half = n / 2;
    expect_same(alone, in_chunks(*model, *state, two, c, s, 0, half, n), "first half");
    const auto own = case_rows(c, s, half, n);
    const auto first = static_cast<std::int32_t>(rows.size());
    rows.insert(rows.end(), own.begin(), own.end());
    Logits in_batch;
    for (const auto& [row, logits] : run_rows(*model, *state, two, rows)) {
      if (row >= first) in_batch[row - first + static_cast<std::int32_t>(half)] = logits;
    }
    expect_same(alone, in_batch, "in a batch of 16");
  }
}

TEST_P(Determinism, ForksAndRewindsChangeNothing) {
  ThreadPool pool(2);
  for (const ModelCase& c : model_cases()) {
    SCOPED_TRACE(c.name());
    const auto model = load_model(c.folder, load_options(), pool);
    const auto state = make_pool(*model, /*draft=*/8);
    const std::size_t n = c.length();
    const std::size_t half = n / 2 + 3;
    const nn::SequenceId whole = begin_case(*model, c, *state, pool);
    const Logits alone = in_chunks(*model, *state, pool, c, whole, 0, n, n);

    const nn::SequenceId parent = begin_case(*model, c, *state, pool);
    in_chunks(*model, *state, pool, c, parent, 0, half, half);
    const nn::SequenceId child = state->fork(parent);
    // The parent goes another way over the shared block, then comes back.
    auto astray = case_rows(c, parent, half, half + 6);
    for (nn::Row& row : astray) row.token = (row.token + 1) % static_cast<TokenId>(model->shape().vocab_size);
    run_rows(*model, *state, pool, astray);
    expect_same(alone, in_chunks(*model, *state, pool, c, child, half, n, 5), "fork");
    // Recurrent states go back to the end of an earlier pass, and run again from there.
    const auto rewind_to = [&](nn::SequenceId s, std::size_t length) {
      const std::int64_t reached = state->rewindable(s, static_cast<std::int64_t>(length));
      state->rewind(s, state->length(s) - reached);
      return static_cast<std::size_t>(reached);
    };
    EXPECT_EQ(rewind_to(parent, half), half);
    expect_same(alone, in_chunks(*model, *state, pool, c, parent, half, n, 3), "rewound");
    const std::size_t back = rewind_to(child, n - 8);
    EXPECT_GT(back + 8 + 5, n - 8);
    expect_same(alone, in_chunks(*model, *state, pool, c, child, back, n, 8), "fork, rewound");
  }
}

// What a preempted request does: its state is dropped, and computed again from its tokens in other portions.
TEST_P(Determinism, RecomputingChangesNothing) {
  ThreadPool pool(2);
  for (const ModelCase& c : model_cases()) {
    SCOPED_TRACE(c.name());
    const auto model = load_model(c.folder, load_options(), pool);
    const auto state = make_pool(*model);
    const std::size_t n = c.length();
    const Logits alone = in_chunks(*model, *state, pool, c, begin_case(*model, c, *state, pool), 0, n, n);
    nn::SequenceId s = begin_case(*model, c, *state, pool);
    in_chunks(*model, *state, pool, c, s, 0, n - 9, 50);
    in_chunks(*model, *state, pool, c, s, n - 9, n - 4, 1);
    state->drop(s);
    const nn::SequenceId between = begin_case(*model, c, *state, pool);  // takes over the blocks
    in_chunks(*model, *state, pool, c, between, 0, n / 3, n);
    s = begin_case(*model, c, *state, pool);
    in_chunks(*model, *state, pool, c, s, 0, n - 4, 64);
    expect_same(alone, in_chunks(*model, *state, pool, c, s, n - 4, n, 1), "recomputed");
    state->drop(s);
    state->drop(between);
  }
}

// Two beams: in every step both go on, and now and then one is replaced by a fork of the other.
TEST_P(Determinism, BeamsAreWhatTheyWouldBeAlone) {
  ThreadPool pool(2);
  for (const ModelCase& c : model_cases()) {
    SCOPED_TRACE(c.name());
    const auto model = load_model(c.folder, load_options(), pool);
    const auto state = make_pool(*model);
    const std::size_t start = c.prompt.size();
    const std::size_t steps = std::min<std::size_t>(12, c.greedy.size());
    const auto vocab = static_cast<TokenId>(model->shape().vocab_size);
    const auto row_of = [&](nn::SequenceId s, std::size_t p, TokenId shift) {
      nn::Row row = case_rows(c, s, p, p + 1)[0];
      row.token = (row.token + shift) % vocab;
      return row;
    };
    nn::SequenceId beams[2] = {begin_case(*model, c, *state, pool), 0};
    in_chunks(*model, *state, pool, c, beams[0], 0, start, start);
    beams[1] = state->fork(beams[0]);
    std::vector<TokenId> shifts[2];  // of each beam's tokens against the case's
    std::vector<float> last[2];
    for (std::size_t step = 0; step < steps; ++step) {
      std::vector<nn::Row> rows;
      for (int b = 0; b < 2; ++b) {
        shifts[b].push_back(b == 0 ? 0 : static_cast<TokenId>(step % 3));
        rows.push_back(row_of(beams[b], start + step, shifts[b].back()));
      }
      auto logits = run_rows(*model, *state, pool, rows);
      for (int b = 0; b < 2; ++b) last[b] = logits.at(b);
      if (step % 4 != 2) continue;
      const int kept = step % 8 == 2 ? 1 : 0;
      state->drop(beams[1 - kept]);
      beams[1 - kept] = state->fork(beams[kept]);
      shifts[1 - kept] = shifts[kept];
    }
    for (int b = 0; b < 2; ++b) {
      const nn::SequenceId alone = begin_case(*model, c, *state, pool);
      auto rows = case_rows(c, alone, 0, start);
      for (std::size_t i = 0; i < steps; ++i) rows.push_back(row_of(alone, start + i, shifts[b][i]));
      ASSERT_TRUE(same_bits(run_rows(*model, *state, pool, rows).rbegin()->second, last[b])) << "beam " << b;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Tables, Determinism, testing::ValuesIn(settings()), [](const auto& info) {
  const std::string kv = info.param.kv_bits > 0 ? "_kv" + std::to_string(info.param.kv_bits) : "";
  return info.param.table + "_bits" + std::to_string(info.param.bits) + kv;
});

}  // namespace
}  // namespace skald::models
