#include "base/torch_random.h"

#include <gtest/gtest.h>

#include <vector>

namespace skald {
namespace {

// What torch 2.13 gives, in this order, from one generator per seed.
struct Golden {
  std::uint64_t seed;
  std::vector<float> exponentials, rands;
  std::vector<std::uint32_t> bits;  // torch.randint(0, 2, (8,))
  std::vector<std::int32_t> permutation;
  float last;
};

const Golden kGoldens[] = {{0,
                            {0x1.c110d6p+1F, 0x1.3afa7ep+0F, 0x1.3ae71p-1F},
                            {0x1.f5db0cp-2F, 0x1.cafacep-1F},
                            {1, 1, 1, 0, 0, 1, 0, 0},
                            {0, 5, 6, 2, 1, 8, 4, 7, 3},
                            0x1.ad796p-2F},
                           {42,
                            {0x1.ead0ccp-5F, 0x1.0a2468p-4F, 0x1.0e2a62p-3F},
                            {0x1.06bafp-2F, 0x1.965828p-1F},
                            {0, 1, 0, 0, 0, 0, 1, 0},
                            {2, 8, 4, 7, 1, 5, 3, 0, 6},
                            0x1.af5ebp-4F},
                           {(std::uint64_t{1} << 32) + 7,
                            {0x1.4f81e4p-2F, 0x1.477552p-2F, 0x1.fb2e5p+0F},
                            {0x1.a81cb8p-3F, 0x1.426ccep-1F},
                            {0, 1, 0, 1, 0, 1, 0, 0},
                            {0, 1, 4, 3, 5, 2, 8, 6, 7},
                            0x1.0ab758p-1F}};

TEST(TorchGenerator, GivesTheNumbersOfTorch) {
  for (const Golden& golden : kGoldens) {
    SCOPED_TRACE(golden.seed);
    TorchGenerator generator(golden.seed);
    for (const float e : golden.exponentials) EXPECT_EQ(generator.exponential(), e);
    for (const float u : golden.rands) EXPECT_EQ(generator.rand(), u);
    for (const std::uint32_t bit : golden.bits) EXPECT_EQ(generator.randint(2), bit);
    std::vector<std::int32_t> permutation(golden.permutation.size());
    generator.randperm(permutation);
    EXPECT_EQ(permutation, golden.permutation);
    EXPECT_EQ(generator.rand(), golden.last);
  }
}

TEST(TorchGenerator, LongPermutations) {
  std::vector<std::int32_t> whole(1000003), begun(whole.size());
  TorchGenerator(42).randperm(whole);
  EXPECT_EQ(std::vector(whole.begin(), whole.begin() + 4), (std::vector<std::int32_t>{632718, 119226, 282795, 846417}));
  EXPECT_EQ(std::vector(whole.end() - 2, whole.end()), (std::vector<std::int32_t>{740785, 204711}));
  TorchGenerator(42).randperm(begun, 5000);
  EXPECT_TRUE(std::equal(whole.begin(), whole.begin() + 5000, begun.begin()));
}

TEST(TorchGenerator, PassesOverWords) {
  TorchGenerator a(5), b(5);
  for (int i = 0; i < 7; ++i) a.exponential();
  b.discard(14);
  EXPECT_EQ(a.word(), b.word());
}

}  // namespace
}  // namespace skald
