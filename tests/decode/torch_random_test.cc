// A generator that calls share: its state goes out and in.
#include "skald/torch_random.h"

#include <gtest/gtest.h>

#include "base/torch_random.h"
#include "skald/error.h"
#include "support/expect_error.h"

namespace skald {
namespace {

TEST(TorchRandom, GoesOnFromAState) {
  for (const int taken : {0, 1, 623, 624, 625, 1300}) {
    TorchRandom random(42);
    TorchGenerator generator = random.take();
    generator.discard(static_cast<std::uint64_t>(taken));
    random.put_back(generator);
    TorchRandom other(0);
    other.set_state(random.state());
    TorchGenerator again = other.take();
    for (int i = 0; i < 1000; ++i) ASSERT_EQ(again.word(), generator.word()) << taken << ", " << i;
  }
  EXPECT_EQ(TorchRandom(42).state().next, 624U);
}

TEST(TorchRandom, RefusesAPlaceBehindItsWords) {
  TorchRandom random(1);
  test::expect_error<OptionError>([&] { random.set_state({.next = 625}); }, "next = 625: must be in [0, 624]");
}

}  // namespace
}  // namespace skald
