#include "base/random.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <vector>

namespace skald {
namespace {

using Block = std::array<std::uint32_t, 4>;

// Known answers published with Random123 (kat_vectors, philox4x32 10).
TEST(Philox, GivesThePublishedAnswers) {
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}), (Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox4x32({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}),
            (Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Exponential, DiffersInEveryPartOfTheKey) {
  const DrawKey base{.seed = 7, .completion = 1, .fork = 2, .step = 3};
  std::set<float> seen = {exponential(base, 0)};
  for (std::uint64_t bit = 1; bit != 0; bit <<= 1) {
    DrawKey key = base;
    key.seed ^= bit;
    EXPECT_TRUE(seen.insert(exponential(key, 0)).second) << "seed bit " << bit;
  }
  for (std::uint32_t DrawKey::*field : {&DrawKey::completion, &DrawKey::fork, &DrawKey::step}) {
    for (std::uint32_t bit = 1; bit != 0; bit <<= 1) {
      DrawKey key = base;
      key.*field ^= bit;
      EXPECT_TRUE(seen.insert(exponential(key, 0)).second);
    }
  }
}

TEST(Exponential, ManyAtOnceAreTheSame) {
  const DrawKey key{.seed = 42, .step = 5};
  for (const std::uint32_t first : {0U, 1U, 2U, 3U, 4U, 1001U}) {
    std::vector<float> many(1003);
    exponentials(key, first, many);
    for (std::uint32_t i = 0; i < many.size(); ++i) ASSERT_EQ(many[i], exponential(key, first + i));
  }
}

// Checked against Python's math.log1p; the values are part of the promise that a seed gives the same text on every
// machine: they never change.
TEST(Exponential, IsFixedForEver) {
  const DrawKey key{.seed = 0x0123456789abcdef, .completion = 1, .fork = 2, .step = 3};
  std::vector<float> values(4);
  exponentials(key, 0, values);
  EXPECT_EQ(values, (std::vector<float>{1.25797653F, 1.97184849F, 0.850706756F, 1.85092628F}));
}

TEST(Exponential, HasTheDistribution) {
  constexpr std::size_t kCount = 1 << 20;
  std::vector<float> values(kCount);
  exponentials({.seed = 99}, 0, values);
  double mean = 0;
  std::vector<double> bins(64);  // of equal probability: by 1 - exp(-e)
  for (const float e : values) {
    ASSERT_GT(e, 0.0F);
    ASSERT_TRUE(std::isfinite(e));
    mean += e / kCount;
    bins[static_cast<std::size_t>(-std::expm1(-static_cast<double>(e)) * 64)] += 1;
  }
  EXPECT_NEAR(mean, 1.0, 5.0 / 1024);  // 5 standard errors
  double chi_square = 0;
  for (const double n : bins) chi_square += (n - kCount / 64.0) * (n - kCount / 64.0) / (kCount / 64.0);
  EXPECT_LT(chi_square, 120.0);  // 63 degrees of freedom: p < 1e-5
}

// Where the smallest values are rare, they still are spread evenly: an unlikely token keeps its probability.
TEST(Exponential, IsFineGrainedNearZero) {
  std::set<float> small;
  std::size_t below = 0;
  std::vector<float> values(1 << 16);
  for (std::uint32_t step = 0; step < 256; ++step) {
    exponentials({.seed = 3, .step = step}, 0, values);
    for (const float e : values) {
      if (e >= 0x1p-17F) continue;
      ++below;
      small.insert(e);
    }
  }
  EXPECT_NEAR(static_cast<double>(below), 128.0, 60.0);  // 2^24 draws at 2^-17
  EXPECT_EQ(small.size(), below);
}

TEST(RandomSeed, DiffersAndIsExactInJson) {
  EXPECT_NE(random_seed(), random_seed());
  EXPECT_LT(random_seed(), std::uint64_t{1} << 53);
}

}  // namespace
}  // namespace skald
