#include "nn/relative_bias.h"

#include <gtest/gtest.h>

namespace skald::nn {
namespace {

struct BucketCase {
  RelativeBuckets buckets;
  std::vector<std::int64_t> begins;  // distances behind the query at which a bucket begins, by T5Attention
};

class Buckets : public testing::TestWithParam<BucketCase> {};

TEST_P(Buckets, BeginWhereTheReferenceLetsThemBegin) {
  const auto& [buckets, begins] = GetParam();
  std::vector<std::int64_t> found;
  for (std::int64_t d = 0; d < buckets.max_distance + 4; ++d) {
    if (d == 0 || buckets.of(-d) != buckets.of(1 - d)) found.push_back(d);
    const std::int64_t after = buckets.both_sides && d > 0 ? buckets.of(-d) + buckets.buckets / 2 : 0;
    EXPECT_EQ(buckets.of(d), after) << d;
  }
  EXPECT_EQ(found, begins);
}

INSTANTIATE_TEST_SUITE_P(
    T5, Buckets,
    testing::Values(BucketCase{{32, 128, true}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 23, 32, 46, 64, 91}},
                    BucketCase{{32, 128, false}, {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
                                                  16, 19, 21, 24, 27, 31, 35, 40, 46, 52, 59, 67, 77, 87, 99, 113}},
                    BucketCase{{8, 20, true}, {0, 1, 2, 7}},
                    BucketCase{{20, 63, false}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 13, 15, 18, 21, 26, 31, 37, 44, 53}},
                    BucketCase{{6, 100, false}, {0, 1, 2, 3, 10, 32}}));

TEST(RelativeBias, HoldsTheTableByOffsetAndHead) {
  const RelativeBias bias = make_relative_bias({.buckets = 4, .max_distance = 5}, {{0, 10}, {1, 11}, {2, 12}, {3, 13}});
  EXPECT_EQ(bias.reach, 5);
  EXPECT_EQ(bias.values, (std::vector<float>{3,  3,  2,  2,  1,  0,  0,  0,  0,  0,  0,  //
                                             13, 13, 12, 12, 11, 10, 10, 10, 10, 10, 10}));
}

}  // namespace
}  // namespace skald::nn
