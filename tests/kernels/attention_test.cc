// Attention over one cut: against exact arithmetic, bit by bit across groupings and tables, and blind to what lies
// outside a query's range.
#include <algorithm>
#include <cstring>
#include <deque>
#include <memory>

#include "support.h"

namespace skald::kernels {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

// The keys and values of one kv head in one cut, positions [0, written); everything else is NaN, blocks without any
// position are nullptr.
class Cut {
 public:
  Cut(const KernelTable& table, KvType type, std::size_t k_dim, std::size_t v_dim, std::size_t written, unsigned seed)
      : kernels(table.kv[static_cast<int>(type)]),
        k(random_floats(written * k_dim, seed)),
        v(random_floats(written * v_dim, seed + 1)) {
    keys = {.k_blocks = k_blocks_,
            .v_blocks = v_blocks_,
            .next_k_blocks = seed % 2 == 0 ? k_blocks_ : nullptr,  // asked for, never looked at
            .k_dim = k_dim,
            .v_dim = v_dim,
            .scale = 0.3F,
            .softcap = 0};
    for (std::size_t p = 0; p < written; ++p) {
      const std::size_t block = p / kBlock;
      if (p % kBlock == 0) {
        k_blocks_[block] = make_block(kernels.k_block_bytes(k_dim));
        v_blocks_[block] = make_block(kernels.v_block_bytes(v_dim));
      }
      kernels.store_k(k.data() + p * k_dim, k_dim, p % kBlock, const_cast<std::byte*>(k_blocks_[block]));
      kernels.store_v(v.data() + p * v_dim, v_dim, p % kBlock, const_cast<std::byte*>(v_blocks_[block]));
    }
    round(k, k_dim, type);
    round(v, v_dim, type);
  }

  // Rows of n numbers to what is read back of them.
  static void round(std::vector<float>& rows, std::size_t n, KvType type) {
    for (std::size_t i = 0; type == KvType::bf16 && i < rows.size(); ++i) rows[i] = to_float(to_bfloat16(rows[i]));
    for (std::size_t row = 0; type == KvType::int8 && row < rows.size(); row += n) {
      float most = 0;
      for (std::size_t i = 0; i < n; ++i) most = std::max(most, std::fabs(rows[row + i]));
      const float scale = most / 127;
      for (std::size_t i = 0; i < n; ++i) {
        rows[row + i] = scale > 0 ? std::nearbyint(rows[row + i] * (1 / scale)) * scale : 0;
      }
    }
  }

  // Values that are the first v_dim elements of the keys.
  static std::unique_ptr<Cut> latent(const KernelTable& table, KvType type, std::size_t k_dim, std::size_t v_dim,
                                     std::size_t written, unsigned seed) {
    auto cut = std::make_unique<Cut>(table, type, k_dim, v_dim, written, seed);
    cut->keys.v_blocks = nullptr;
    for (std::size_t p = 0; p < written; ++p) {
      for (std::size_t i = 0; i < v_dim; ++i) cut->v[p * v_dim + i] = cut->k[p * k_dim + i];
    }
    return cut;
  }

  const KvKernels& kernels;
  std::vector<float> k, v;  // [written, dim], as stored
  CutKeys keys;

 private:
  const std::byte* make_block(std::size_t bytes) {
    blocks_.emplace_back(bytes, std::byte{0xff});
    return blocks_.back().data();
  }
  const std::byte* k_blocks_[kCut / kBlock] = {};
  const std::byte* v_blocks_[kCut / kBlock] = {};
  std::vector<std::vector<std::byte>> blocks_;
};

// Queries with partials of exactly 2 + v_dim floats each.
struct Queries {
  Queries(std::size_t n, const Cut& cut, unsigned seed) : q(random_floats(n * cut.keys.k_dim, seed)) {
    const CutKeys& keys = cut.keys;
    for (std::size_t i = 0; i < n; ++i) {
      partials.emplace_back(2 + keys.v_dim, kNan);
      list.push_back({.q = pack(cut, i),
                      .begin = 0,
                      .end = kCut,
                      .alibi_slope = 0,
                      .distance = 0,
                      .bias = nullptr,
                      .partial = partials.back().data()});
    }
  }
  // Query `i` as the kernels take it; q has what is left of it.
  const float* pack(const Cut& cut, std::size_t i) {
    const std::size_t k_dim = cut.keys.k_dim;
    float* const query = q.data() + i * k_dim;
    if (cut.kernels.pack_q == nullptr) return query;
    packed.resize(std::max(packed.size(), i + 1));
    packed[i].resize((k_dim + 15) / 16 * 16);
    cut.kernels.pack_q(query, k_dim, packed[i].data());
    for (std::size_t d = 0; d < k_dim; ++d) query[d] = to_float(to_bfloat16(query[d]));
    return packed[i].data();
  }
  std::vector<float> q;  // [n, k_dim]
  std::deque<std::vector<float>> packed;
  std::vector<std::vector<float>> partials;
  std::vector<CutQuery> list;
};

// Query `i` against sums in long double. Rounded weights are off by 2^-9 at most, each its own way.
void expect_exact(const Cut& cut, const Queries& queries, std::size_t i) {
  const CutKeys& keys = cut.keys;
  const CutQuery& query = queries.list[i];
  const float* const q = queries.q.data() + i * keys.k_dim;
  const bool rounded = cut.kernels.pack_q != nullptr && keys.v_blocks != nullptr;
  const long double loss = rounded ? 0x1p-9L : 5e-5L;
  std::vector<long double> scores;
  long double most = -std::numeric_limits<long double>::infinity();
  for (std::size_t p = query.begin; p < query.end; ++p) {
    long double s = 0;
    for (std::size_t d = 0; d < keys.k_dim; ++d) s += static_cast<long double>(q[d]) * cut.k[p * keys.k_dim + d];
    s *= keys.scale;
    if (keys.softcap != 0) s = keys.softcap * std::tanh(s / keys.softcap);
    s += static_cast<long double>(query.alibi_slope) * (static_cast<long double>(p) - query.distance);
    if (query.bias != nullptr) s += query.bias[p];
    scores.push_back(s);
    most = std::max(most, s);
  }
  ASSERT_NEAR(query.partial[0], static_cast<double>(most), 2e-5 * std::max<double>(1, std::fabs(most)));
  long double total = 0;
  for (const long double s : scores) total += std::exp(s - most);
  ASSERT_NEAR(query.partial[1], static_cast<double>(total), static_cast<double>(loss * total));
  for (std::size_t c = 0; c < keys.v_dim; ++c) {
    long double value = 0;
    long double size = total;
    for (std::size_t p = 0; p < scores.size(); ++p) {
      const long double part = std::exp(scores[p] - most) * cut.v[(query.begin + p) * keys.v_dim + c];
      value += part;
      size += std::fabs(part);
    }
    ASSERT_NEAR(query.partial[2 + c], static_cast<double>(value), static_cast<double>(loss * size)) << c;
  }
}

constexpr KvType kTypes[] = {KvType::f32, KvType::bf16, KvType::int8};

class AttentionTest : public TableTest {};

TEST_P(AttentionTest, MatchesExactArithmeticForRaggedShapesAndRanges) {
  std::mt19937 engine(1);
  for (const KvType type : kTypes) {
    for (const auto& [k_dim, v_dim] :
         {std::pair{64, 64}, {128, 128}, {1, 1}, {48, 80}, {33, 100}, {192, 17}, {16, 256}}) {
      for (const std::size_t written : {1, 31, 32, 100, 256}) {
        Cut cut(table(), type, k_dim, v_dim, written, 2);
        Queries queries(1 + engine() % 14, cut, 4);
        for (CutQuery& query : queries.list) {
          query.begin = engine() % written;
          query.end = query.begin + 1 + engine() % (written - query.begin);
        }
        cut.kernels.attend_cut(cut.keys, queries.list);
        for (std::size_t i = 0; i < queries.list.size(); ++i) expect_exact(cut, queries, i);
      }
    }
  }
}

TEST_P(AttentionTest, ValuesThatAreAPartOfTheKeysMatchExactArithmetic) {
  std::mt19937 engine(2);
  for (const KvType type : kTypes) {
    for (const auto& [k_dim, v_dim] : {std::pair{576, 512}, {1, 1}, {24, 16}, {40, 33}, {21, 7}, {80, 80}}) {
      for (const std::size_t written : {1, 31, 32, 100, 256}) {
        const auto cut = Cut::latent(table(), type, k_dim, v_dim, written, 22);
        Queries queries(1 + engine() % 14, *cut, 24);
        for (CutQuery& query : queries.list) {
          query.begin = engine() % written;
          query.end = query.begin + 1 + engine() % (written - query.begin);
        }
        cut->keys.scale = 0.05F;
        cut->kernels.attend_cut(cut->keys, queries.list);
        for (std::size_t i = 0; i < queries.list.size(); ++i) expect_exact(*cut, queries, i);
      }
    }
  }
}

TEST_P(AttentionTest, AppliesSoftcapAlibiAndBias) {
  const std::vector<float> bias = random_floats(kCut, 5);
  for (const KvType type : kTypes) {
    Cut cut(table(), type, 64, 64, 200, 6);
    for (const float softcap : {0.0F, 5.0F}) {
      cut.keys.softcap = softcap;
      Queries queries(9, cut, 8);
      for (std::size_t i = 0; i < queries.list.size(); ++i) {
        CutQuery& query = queries.list[i];
        query.begin = static_cast<std::uint32_t>(5 * i);
        query.end = static_cast<std::uint32_t>(200 - i);
        query.alibi_slope = i % 2 == 0 ? 0.0F : 0.07F * static_cast<float>(i);
        query.distance = static_cast<std::int32_t>(1000 * (i / 4) + query.end);
        query.bias = i % 3 == 0 ? bias.data() : nullptr;
      }
      cut.kernels.attend_cut(cut.keys, queries.list);
      for (std::size_t i = 0; i < queries.list.size(); ++i) expect_exact(cut, queries, i);
    }
  }
}

TEST_P(AttentionTest, AnyGroupingGivesTheSameBits) {
  std::mt19937 engine(9);
  for (int trial = 0; trial < 72; ++trial) {
    const KvType type = kTypes[trial / 12 % 3];
    Cut cut(table(), type, 80, 72, 240, 10);
    if (trial >= 36) cut.keys.v_blocks = nullptr;
    Queries alone(30, cut, 12);
    for (std::size_t i = 0; i < 30; ++i) {  // causal rows, windows, disjoint and empty ranges
      CutQuery& query = alone.list[i];
      query.end = static_cast<std::uint32_t>(trial % 3 == 0 ? 1 + i / 4 : engine() % 241);
      query.begin = static_cast<std::uint32_t>(trial % 2 == 0 ? 0 : engine() % (query.end + 1));
    }
    Queries together(30, cut, 12);
    for (std::size_t i = 0; i < 30; ++i) {
      together.list[i].begin = alone.list[i].begin;
      together.list[i].end = alone.list[i].end;
      cut.kernels.attend_cut(cut.keys, std::span(alone.list).subspan(i, 1));
    }
    for (std::size_t i = 0; i < 30;) {
      const std::size_t n = std::min<std::size_t>(30 - i, 1 + engine() % 29);
      cut.kernels.attend_cut(cut.keys, std::span(together.list).subspan(i, n));
      i += n;
    }
    for (std::size_t i = 0; i < 30; ++i) ASSERT_TRUE(same_bits(together.partials[i], alone.partials[i])) << i;
  }
}

// Products of bf16 have a model of their own.
const KernelTable& reference_of(const KernelTable& table, KvType type) {
  if (type == KvType::bf16 && has_pairs(table)) return pair_model::kTable;
  if (type == KvType::bf16 && has_tiles(table)) return amx_model::kTable;
  return *find_table("scalar");
}

TEST_P(AttentionTest, AgreesWithTheScalarTableBitForBit) {
  const std::vector<float> bias = random_floats(kCut, 13);
  for (const bool latent : {false, true}) {
    for (const KvType type : kTypes) {
      const KernelTable& scalar = reference_of(table(), type);
      Cut cut(table(), type, 60, 50, 256, 14);
      Cut reference(scalar, type, 60, 50, 256, 14);
      if (latent) cut.keys.v_blocks = reference.keys.v_blocks = nullptr;
      cut.keys.softcap = reference.keys.softcap = 3.0F;
      Queries queries(13, cut, 16);
      Queries expected(13, cut, 16);
      for (Queries* side : {&queries, &expected}) {
        for (std::size_t i = 0; i < side->list.size(); ++i) {
          side->list[i].begin = static_cast<std::uint32_t>(7 * i);
          side->list[i].end = static_cast<std::uint32_t>(256 - 3 * i);
          side->list[i].alibi_slope = 0.01F;
          side->list[i].distance = 300;
          side->list[i].bias = bias.data();
        }
      }
      cut.kernels.attend_cut(cut.keys, queries.list);
      reference.kernels.attend_cut(reference.keys, expected.list);
      for (std::size_t i = 0; i < queries.list.size(); ++i) {
        ASSERT_TRUE(same_bits(queries.partials[i], expected.partials[i]));
        table().merge_partial(queries.partials[i].data(), 50, queries.partials[0].data());
        scalar.merge_partial(expected.partials[i].data(), 50, expected.partials[0].data());
      }
      std::vector<float> out(50);
      std::vector<float> out_scalar(50);
      table().finish_attention(queries.partials[0].data(), 50, 0.5F, out.data());
      scalar.finish_attention(expected.partials[0].data(), 50, 0.5F, out_scalar.data());
      ASSERT_TRUE(same_bits(out, out_scalar));
    }
  }
}

void check_empty_ranges_and_infinite_scores(const Cut& cut) {
  Queries queries(4, cut, 19);
  std::vector<float> all_masked(kCut, -kInf);
  std::vector<float> one_left = all_masked;
  one_left[20] = 0.0F;
  for (CutQuery& query : queries.list) query.end = 64;
  queries.list[0].begin = 64;
  queries.list[1].bias = all_masked.data();
  queries.list[2].bias = one_left.data();
  cut.kernels.attend_cut(cut.keys, queries.list);
  for (const int i : {0, 1}) {
    EXPECT_EQ(queries.partials[i][0], -kInf);
    for (std::size_t c = 1; c < 18; ++c) EXPECT_EQ(queries.partials[i][c], 0.0F);
  }
  EXPECT_EQ(queries.partials[2][1], 1.0F);
  for (std::size_t c = 0; c < 16; ++c) EXPECT_EQ(queries.partials[2][2 + c], cut.v[20 * 16 + c]);
  expect_exact(cut, queries, 3);

  std::vector<float> infinite(kCut, 0.0F);
  infinite[3] = kInf;
  queries.list[1].bias = infinite.data();
  queries.q[2 * cut.keys.k_dim] = kNan;
  queries.list[2].q = queries.pack(cut, 2);
  cut.kernels.attend_cut(cut.keys, queries.list);
  for (const int i : {1, 2}) {
    EXPECT_TRUE(std::isnan(queries.partials[i][1])) << i;
    for (std::size_t c = 0; c < 16; ++c) EXPECT_TRUE(std::isnan(queries.partials[i][2 + c]));
  }
  expect_exact(cut, queries, 3);
}

TEST_P(AttentionTest, EmptyRangesAndInfiniteScores) {
  for (const KvType type : kTypes) {
    check_empty_ranges_and_infinite_scores(Cut(table(), type, 16, 16, 64, 17));
    check_empty_ranges_and_infinite_scores(*Cut::latent(table(), type, 20, 16, 64, 17));
  }
}

// Levels and scales of int8: the largest magnitude is 127, zeros and numbers without a reciprocal are 0, and what is
// not finite is found again.
TEST_P(AttentionTest, KeysAndValuesInEightBits) {
  const KvKernels& kernels = table().kv[static_cast<int>(KvType::int8)];
  EXPECT_EQ(kernels.k_block_bytes(20), 20 * kBlock + kBlock * 4);
  EXPECT_EQ(kernels.v_block_bytes(20), 32 * kBlock + kBlock * 4);
  std::vector<std::byte> block(kernels.v_block_bytes(4));
  const auto level = [&](std::size_t slot, std::size_t i) {
    return static_cast<int>(block[slot * 16 + i]) << 24 >> 24;
  };
  const auto scale = [&](std::size_t slot) {
    float value = 0;
    std::memcpy(&value, block.data() + 16 * kBlock + 4 * slot, 4);
    return value;
  };
  const float rows[][4] = {{-254, 2, 1, 0}, {0, 0, 0, 0},     {1e-44F, 0, -1e-44F, 0},
                           {kNan, 1, 2, 3}, {1, -kInf, 0, 0}, {3e38F, -3e38F, 1, 0}};
  for (std::size_t slot = 0; slot < std::size(rows); ++slot) kernels.store_v(rows[slot], 4, slot, block.data());
  EXPECT_EQ(scale(0), 2);
  EXPECT_EQ(level(0, 0), -127);
  EXPECT_EQ(level(0, 1), 1);
  EXPECT_EQ(level(0, 2), 0);  // half a level, to even
  for (const std::size_t slot : {1, 2}) {
    EXPECT_EQ(scale(slot), 0);
    for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(level(slot, i), 0);
  }
  EXPECT_TRUE(std::isnan(scale(3)) && std::isnan(scale(4)));
  EXPECT_EQ(level(5, 0), 127);
  EXPECT_EQ(level(5, 1), -127);
}

TEST_P(AttentionTest, MergedCutsEqualOneSoftmax) {
  constexpr std::size_t kDim = 24;
  constexpr int kCuts = 4;
  std::vector<float> state(2 + kDim, 0.0F);
  state[0] = -kInf;
  long double total = 0;
  std::vector<long double> values(kDim);
  for (int c = 0; c < kCuts; ++c) {
    Cut cut(table(), KvType::f32, kDim, kDim, 256, 20 + c);
    Queries queries(1, cut, 50);
    if (c == 2) queries.list[0].end = 0;
    cut.kernels.attend_cut(cut.keys, queries.list);
    table().merge_partial(queries.partials[0].data(), kDim, state.data());
    for (std::size_t p = 0; p < queries.list[0].end; ++p) {
      long double s = 0;
      for (std::size_t i = 0; i < kDim; ++i) s += static_cast<long double>(queries.q[i]) * cut.k[p * kDim + i];
      const long double e = std::exp(s * cut.keys.scale);
      total += e;
      for (std::size_t i = 0; i < kDim; ++i) values[i] += e * cut.v[p * kDim + i];
    }
  }
  for (const float sink : {-kInf, 1.5F}) {
    std::vector<float> out(kDim);
    table().finish_attention(state.data(), kDim, sink, out.data());
    const long double denominator = total + (sink == -kInf ? 0.0L : std::exp(static_cast<long double>(sink)));
    for (std::size_t i = 0; i < kDim; ++i) EXPECT_NEAR(out[i], static_cast<double>(values[i] / denominator), 1e-5);
  }
}

TEST_P(AttentionTest, MergingKeepsNanAndIgnoresEmptyPartials) {
  std::vector<float> state = {-kInf, 0, 0};
  std::vector<float> empty = {-kInf, 0, 0};
  table().merge_partial(empty.data(), 1, state.data());
  EXPECT_TRUE(same_bits(state, empty));
  std::vector<float> partial = {2.0F, 1.0F, 3.0F};
  table().merge_partial(partial.data(), 1, state.data());
  table().merge_partial(empty.data(), 1, state.data());
  EXPECT_TRUE(same_bits(state, partial));
  std::vector<float> bad = {-kInf, kNan, kNan};
  table().merge_partial(bad.data(), 1, state.data());
  EXPECT_TRUE(std::isnan(state[1]) && std::isnan(state[2]));
}

INSTANTIATE_TEST_SUITE_P(Tables, AttentionTest, testing::ValuesIn(kTableNames), table_name);

}  // namespace
}  // namespace skald::kernels
