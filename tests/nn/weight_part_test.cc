// Parts of stored tensors: every element comes from where the part says, whatever the layout and however it is read.
#include "nn/weight_part.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "nn/weight_source.h"
#include "skald/error.h"

namespace skald::nn {
namespace {

// One tensor `w.weight` of the given shape whose element i is i.
class CountingSource final : public TensorSource {
 public:
  explicit CountingSource(std::vector<std::uint64_t> shape) {
    std::uint64_t count = 1;
    for (const std::uint64_t d : shape) count *= d;
    tensors_.push_back({.name = "w.weight", .shape = std::move(shape), .bytes = count * sizeof(float)});
  }
  [[nodiscard]] std::span<const TensorInfo> tensors() const override { return tensors_; }
  void read(const TensorInfo& tensor, std::uint64_t begin, std::span<std::byte> out) const override {
    ASSERT_LE(begin + out.size(), tensor.bytes);
    ASSERT_EQ(begin % sizeof(float), 0U);
    for (std::size_t i = 0; i < out.size(); i += sizeof(float)) {
      const auto value = static_cast<float>((begin + i) / sizeof(float));
      std::memcpy(out.data() + i, &value, sizeof(value));
    }
  }
  [[nodiscard]] const std::string& file_of(const TensorInfo& /*tensor*/) const override { return file_; }
  [[nodiscard]] std::string describe() const override { return file_; }

 private:
  std::vector<TensorInfo> tensors_;
  std::string file_ = "counting";
};

// Loads [n, k] by `part` and checks each element against `wanted(i, j)`.
template <typename Wanted>
void check(std::vector<std::uint64_t> shape, std::size_t n, std::size_t k, const Part& part, Wanted wanted) {
  const CountingSource tensors(std::move(shape));
  for (const int threads : {1, 3}) {
    ThreadPool pool(threads);
    WeightSource source(tensors, "");
    const Linear linear = source.linear("w", n, k, false, part);
    source.load({.bits = 32}, pool);
    std::vector<float> row(k);
    for (std::size_t i = 0; i < n; ++i) {
      linear.weight().unpack_row(i, row.data());
      for (std::size_t j = 0; j < k; ++j) ASSERT_EQ(row[j], static_cast<float>(wanted(i, j))) << i << ", " << j;
    }
  }
}

TEST(WeightPart, TheWholeTensor) {
  check({70, 9}, 70, 9, {}, [](auto i, auto j) { return i * 9 + j; });
}

TEST(WeightPart, StackedOutputs) {
  check({120, 9}, 40, 9, stacked(120, 80), [](auto i, auto j) { return (80 + i) * 9 + j; });
}

TEST(WeightPart, HeadsThatHoldQueryKeyAndValueInTurn) {
  // 10 heads of [q 4, k 4, v 4]: the keys.
  const Part keys{.outputs = 120, .first = 4, .run = 4, .stride = 12};
  check({120, 9}, 40, 9, keys, [](auto i, auto j) { return (4 + i / 4 * 12 + i % 4) * 9 + j; });
}

TEST(WeightPart, TransposedAndInterleavedInOnePlaneOfSeveral) {
  const Part odd{.outputs = 80, .first = 1, .run = 1, .stride = 2, .planes = 3, .plane = 2, .transposed = true};
  check({3, 7, 80}, 40, 7, odd, [](auto i, auto j) { return 2 * 7 * 80 + j * 80 + 2 * i + 1; });
}

TEST(WeightPart, SomeOfTheInputs) {
  const Part inputs{.inputs = 50, .first_input = 13};
  check({40, 50}, 40, 20, inputs, [](auto i, auto j) { return i * 50 + 13 + j; });
  // A head of a stored [heads * d, rank], used the other way round.
  const Part turned{.inputs = 30, .first_input = 10, .transposed = true};
  check({30, 64}, 64, 10, turned, [](auto i, auto j) { return (10 + j) * 64 + i; });
}

TEST(WeightPart, VectorsToo) {
  const CountingSource tensors({2, 12});
  WeightSource source(tensors, "");
  const Part part{.outputs = 12, .first = 1, .run = 1, .stride = 3, .planes = 2, .plane = 1};
  EXPECT_EQ(source.vector("w.weight", 4, part), (std::vector<float>{13, 16, 19, 22}));
}

TEST(WeightPart, PartsShareTheAdaptersOfTheStoredWeight) {
  const CountingSource tensors({6, 5});
  WeightSource source(tensors, "");
  const Linear first = source.linear("w", 2, 5, false, stacked(6, 0));
  const Linear last = source.linear("w", 4, 5, false, stacked(6, 2));
  EXPECT_EQ(first.adapters(), last.adapters());
  LowRankDelta delta{.rank = 1, .a = std::vector<float>(5), .b = std::vector<float>(4)};
  EXPECT_THROW(last.adapters()->set(1, delta), OptionError);
  delta.b = {0, 1, 2, 3, 4, 5};
  last.adapters()->set(1, delta);
  float row = 0;
  first.adapters()->find(1)->b[last.adapter_part()].unpack_row(3, &row);
  EXPECT_EQ(row, 5.0F);
}

TEST(WeightPart, AWrongShapeNamesTheStoredOne) {
  const CountingSource tensors({119, 9});
  WeightSource source(tensors, "");
  try {
    static_cast<void>(source.linear("w", 40, 9, false, stacked(120, 80)));
    FAIL();
  } catch (const FormatError& e) {
    EXPECT_NE(std::string(e.what()).find("[120,9]"), std::string::npos) << e.what();
  }
}

}  // namespace
}  // namespace skald::nn
