// Products with weights in blocks: every table against the arithmetic of block_gemm-inl.h, bit by bit.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>

#include "kernels/block_layout.h"
#include "kernels/block_pack.h"
#include "kernels/block_x.h"
#include "kernels/pack.h"
#include "quant/block_format.h"
#include "support.h"

namespace skald::kernels {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

std::vector<WeightFormat> block_formats() {
  std::vector<WeightFormat> formats;
  for (int f = 0; f < kWeightFormats; ++f) {
    if (in_blocks(static_cast<WeightFormat>(f))) formats.push_back(static_cast<WeightFormat>(f));
  }
  return formats;
}

// Inputs that share a scale, and whether there are minimums: what decides the order of roundings.
struct Runs {
  std::size_t run;
  bool minimums;
};
Runs runs_of(WeightFormat format) {
  switch (format) {
    case WeightFormat::int8:
    case WeightFormat::int4: return {256, false};
    case WeightFormat::int6: return {64, false};
    case WeightFormat::q2_k: return {16, true};
    case WeightFormat::q3_k:
    case WeightFormat::q6_k: return {16, false};
    case WeightFormat::q4_1:
    case WeightFormat::q5_1:
    case WeightFormat::q4_k:
    case WeightFormat::q5_k: return {32, true};
    default: return {32, false};
  }
}

struct AlignedFree {
  void operator()(std::byte* p) const { std::free(p); }
};
using Aligned = std::unique_ptr<std::byte, AlignedFree>;
Aligned aligned_bytes(std::size_t n) {
  Aligned memory(static_cast<std::byte*>(std::aligned_alloc(64, (n + 64) / 64 * 64)));
  std::fill_n(memory.get(), n, std::byte{0xff});
  return memory;
}

// Random stored blocks [n, k], whose scales are finite and small.
struct Weights {
  Weights(WeightFormat format, std::size_t n, std::size_t k, unsigned seed)
      : format(format), stored(stored_blocks(format)), n(n), k(k), blocks((k + stored.block - 1) / stored.block) {
    std::mt19937 engine(seed);
    bytes.resize(n * blocks * stored.bytes);
    for (std::size_t at = 0; at < bytes.size(); at += stored.bytes) {
      do {
        for (std::size_t i = 0; i < stored.bytes; ++i) bytes[at + i] = static_cast<std::byte>(engine());
      } while (!is_tame(at));
    }
    const std::size_t one = panel_bytes(format, k);
    EXPECT_EQ(one % 64, 0U);
    packed = aligned_bytes(panels() * one);
    for (std::size_t p = 0; p < panels(); ++p) {
      const std::size_t rows = std::min(kPanel, n - p * kPanel);
      pack_stored_blocks(format, bytes.data() + p * kPanel * blocks * stored.bytes, rows, k, packed.get() + p * one);
    }
  }
  [[nodiscard]] bool is_tame(std::size_t at) const {
    std::array<float, quant::kMaxBlock> values;
    stored.unpack(bytes.data() + at, values.data());
    return std::all_of(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(stored.block),
                       [](float v) { return std::isfinite(v) && std::fabs(v) < 1e6F; });
  }
  [[nodiscard]] std::size_t panels() const { return (n + kPanel - 1) / kPanel; }
  [[nodiscard]] quant::BlockParts parts(std::size_t row, std::size_t block) const {
    quant::BlockParts parts;
    stored.take_apart(bytes.data() + (row * blocks + block) * stored.bytes, parts);
    return parts;
  }
  [[nodiscard]] std::vector<float> values(std::size_t row) const {
    std::vector<float> all(blocks * stored.block);
    for (std::size_t b = 0; b < blocks; ++b) {
      stored.unpack(bytes.data() + (row * blocks + b) * stored.bytes, all.data() + b * stored.block);
    }
    all.resize(k);
    return all;
  }

  WeightFormat format;
  const quant::BlockFormat& stored;
  std::size_t n, k, blocks;
  std::vector<std::byte> bytes;
  Aligned packed;
};

void run(const KernelTable& table, const Weights& w, std::span<const float> x, std::size_t m, std::size_t begin,
         std::size_t end, std::span<float> y) {
  const GemmKernels& kernels = table.gemm[static_cast<int>(w.format)];
  const Aligned packed_x = aligned_bytes(kernels.packed_x_bytes(m, w.k));
  for (std::size_t row = 0; row < m; row += 16) {
    kernels.pack_x(x.data(), w.k, w.k, row, std::min(m, row + 16), m, packed_x.get());
  }
  kernels.gemm({.x = x.data(),
                .x_stride = w.k,
                .packed_x = packed_x.get(),
                .w = w.packed.get(),
                .y = y.data(),
                .y_stride = w.n,
                .m = m,
                .n = w.n,
                .k = w.k},
               begin, end);
}

std::vector<float> run(const KernelTable& table, const Weights& w, std::span<const float> x, std::size_t m) {
  std::vector<float> y(m * w.n, kNan);
  run(table, w, x, m, 0, w.panels(), y);
  return y;
}

// x in blocks of signed bytes, written out.
struct Quantised {
  std::vector<int> q;
  std::vector<float> scales;
};
Quantised quantise(std::span<const float> x, std::size_t block) {
  Quantised out;
  for (std::size_t begin = 0; begin < x.size(); begin += block) {
    const auto part = x.subspan(begin, std::min(block, x.size() - begin));
    float largest = 0;
    for (const float v : part) largest = std::max(largest, std::fabs(v));
    out.scales.push_back(largest / 127.0F);
    for (const float v : part) out.q.push_back(static_cast<int>(std::nearbyint(v * (127.0F / largest))));
  }
  return out;
}

float element(const Weights& w, std::size_t row, const Quantised& x) {
  const Runs runs = runs_of(w.format);
  const std::size_t x_block = std::max<std::size_t>(runs.run, 32);
  float acc = 0;
  for (std::size_t b = 0; b < w.blocks; ++b) {
    const quant::BlockParts parts = w.parts(row, b);
    for (std::size_t i = 0; i < w.stored.block; i += runs.run) {
      const std::size_t first = b * w.stored.block + i;
      if (first >= w.k) break;
      int dot = 0;
      int sum = 0;
      for (std::size_t j = 0; j < runs.run && first + j < w.k; ++j) {
        const std::uint8_t code = parts.codes[i + j];
        const int level =
            w.stored.codebook.empty() ? code - (runs.minimums ? 0 : w.stored.zero) : w.stored.codebook[code];
        dot += level * x.q[first + j];
        sum += x.q[first + j];
      }
      const float x_scale = x.scales[first / x_block];
      const float scale = quant::block_scale(w.stored, parts.d) * static_cast<float>(parts.scales[i / quant::kGroup]);
      acc = std::fma(static_cast<float>(dot), scale * x_scale, acc);
      if (!runs.minimums) continue;
      const float dmin = to_float(Float16{parts.dmin});
      acc =
          std::fma(-(dmin * static_cast<float>(parts.mins[i / quant::kGroup])), x_scale * static_cast<float>(sum), acc);
    }
  }
  return acc;
}

std::vector<float> expected(const Weights& w, std::span<const float> x, std::size_t m) {
  std::vector<float> y(m * w.n);
  for (std::size_t r = 0; r < m; ++r) {
    const Quantised q = quantise(x.subspan(r * w.k, w.k), std::max<std::size_t>(runs_of(w.format).run, 32));
    for (std::size_t c = 0; c < w.n; ++c) y[r * w.n + c] = element(w, c, q);
  }
  return y;
}

TEST(BlockPanels, GiveBackExactlyTheStoredValues) {
  for (const WeightFormat format : block_formats()) {
    const std::size_t step = stored_blocks(format).block;
    for (const std::size_t k : {step, 3 * step, 8 * step}) {
      const Weights w(format, 45, k, 1);
      std::vector<float> row(k);
      for (std::size_t r = 0; r < w.n; ++r) {
        unpack_row(format, w.packed.get() + r / kPanel * panel_bytes(format, k), r % kPanel, k, row.data());
        ASSERT_EQ(row, w.values(r)) << w.stored.name << " row " << r;  // 0 and -0 are equal
      }
    }
  }
}

TEST(BlockPanels, OfNumbersRoundThemAsTheirFormatDoes) {
  for (const WeightFormat format : block_formats()) {
    const quant::BlockFormat& stored = stored_blocks(format);
    if (stored.pack == nullptr) continue;
    const std::size_t k = 4 * stored.block;
    const std::vector<float> rows = random_floats(3 * k, 2);
    const Aligned panel = aligned_bytes(panel_bytes(format, k));
    pack_panel(format, rows.data(), 3, k, panel.get());
    std::vector<std::byte> block(stored.bytes);
    std::vector<float> row(k);
    std::vector<float> want(stored.block);
    for (std::size_t r = 0; r < 3; ++r) {
      unpack_row(format, panel.get(), r, k, row.data());
      for (std::size_t b = 0; b < 4; ++b) {
        stored.pack(rows.data() + r * k + b * stored.block, block.data());
        stored.unpack(block.data(), want.data());
        ASSERT_TRUE(same_bits(std::span<const float>(row).subspan(b * stored.block, stored.block), want))
            << stored.name;
      }
    }
  }
}

TEST(BlockPanels, OfOurFormatsTakeAnyNumberOfInputs) {
  for (const WeightFormat format : {WeightFormat::int8, WeightFormat::int6, WeightFormat::int4}) {
    for (const std::size_t k : {1, 31, 65, 100, 200}) {
      const std::vector<float> rows = random_floats(2 * k, 3);
      const Aligned panel = aligned_bytes(panel_bytes(format, k));
      pack_panel(format, rows.data(), 2, k, panel.get());
      std::vector<float> row(k);
      for (std::size_t r = 0; r < 2; ++r) {
        unpack_row(format, panel.get(), r, k, row.data());
        for (std::size_t i = 0; i < k; ++i) ASSERT_NEAR(row[i], rows[r * k + i], 0.5F) << "k " << k << " input " << i;
      }
    }
  }
}

class BlockGemmTest : public TableTest {};

TEST_P(BlockGemmTest, EveryElementHasTheArithmeticOfItsFormat) {
  struct Shape {
    std::size_t m, n, k;
  };
  for (const WeightFormat format : block_formats()) {
    const std::size_t block = stored_blocks(format).block;
    const std::size_t long_k = 1280;
    for (const auto& [m, n, k] :
         {Shape{1, 1, block}, Shape{1, 70, 3 * block}, Shape{2, 33, 2 * block}, Shape{3, 31, block},
          Shape{4, 32, 5 * block}, Shape{5, 20, block}, Shape{6, 40, long_k}, Shape{7, 33, block},
          Shape{8, 17, 3 * block}, Shape{13, 47, 3 * block}, Shape{40, 65, long_k}, Shape{17, 16, long_k},
          Shape{83, 33, 3 * block}}) {
      const Weights w(format, n, k, static_cast<unsigned>(m));
      const std::vector<float> x = random_floats(m * k, 3);
      ASSERT_TRUE(same_bits(run(table(), w, x, m), expected(w, x, m)))
          << w.stored.name << " " << m << " " << n << " " << k;
    }
  }
}

TEST_P(BlockGemmTest, InputsThatFillNoBlockCountAsZeros) {
  for (const WeightFormat format : {WeightFormat::int8, WeightFormat::int6, WeightFormat::int4}) {
    for (const std::size_t k : {1, 30, 65, 127, 290}) {
      for (const std::size_t m : {3, 19}) {
        const Weights w(format, 34, k, 4);
        const std::vector<float> x = random_floats(m * k, 5);
        ASSERT_TRUE(same_bits(run(table(), w, x, m), expected(w, x, m))) << w.stored.name << " " << m << " " << k;
      }
    }
  }
}

TEST_P(BlockGemmTest, RowsThatDoNotFitInACacheAreTakenInParts) {
  for (const WeightFormat format : {WeightFormat::int4, WeightFormat::q4_1, WeightFormat::q6_k}) {
    const std::size_t m = 70, n = 17, k = 16640;
    const Weights w(format, n, k, 12);
    const std::vector<float> x = random_floats(m * k, 13);
    ASSERT_TRUE(same_bits(run(table(), w, x, m), expected(w, x, m))) << w.stored.name;
  }
}

TEST_P(BlockGemmTest, AnySplitOverPanelsAndRowsGivesTheSameBits) {
  constexpr std::size_t kM = 37, kN = 130, kK = 1536;
  for (const WeightFormat format : block_formats()) {
    const Weights w(format, kN, kK, 6);
    const std::vector<float> x = random_floats(kM * kK, 7);
    const std::vector<float> whole = run(table(), w, x, kM);
    std::vector<float> y(kM * kN, kNan);
    std::mt19937 engine(8);
    for (std::size_t row = 0; row < kM;) {
      const std::size_t rows = std::min<std::size_t>(kM - row, 1 + engine() % 20);
      for (std::size_t panel = 0; panel < w.panels();) {
        const std::size_t panels = std::min<std::size_t>(w.panels() - panel, 1 + engine() % 3);
        run(table(), w, std::span(x).subspan(row * kK, rows * kK), rows, panel, panel + panels,
            std::span(y).subspan(row * kN, rows * kN));
        panel += panels;
      }
      row += rows;
    }
    ASSERT_TRUE(same_bits(y, whole)) << w.stored.name;
  }
}

TEST_P(BlockGemmTest, BlocksOfZerosAndOfTinyNumbersGiveZeros) {
  for (const WeightFormat format : {WeightFormat::int4, WeightFormat::q6_k, WeightFormat::q4_1}) {
    const std::size_t k = 512;
    const Weights w(format, 40, k, 9);
    std::vector<float> x(2 * k, 0.0F);
    std::fill(x.begin() + static_cast<std::ptrdiff_t>(k), x.end(), 1e-40F);
    for (const float y : run(table(), w, x, 2)) ASSERT_EQ(y, 0.0F) << w.stored.name;
  }
}

TEST_P(BlockGemmTest, NanAndInfinityReachExactlyTheirRow) {
  for (const WeightFormat format : {WeightFormat::int8, WeightFormat::int4, WeightFormat::q4_0, WeightFormat::q4_k}) {
    for (const float bad : {kNan, -kNan, kInf, -kInf}) {
      const std::size_t m = 9, k = 512;
      const Weights w(format, 40, k, 10);
      std::vector<float> x = random_floats(m * k, 11);
      x[5 * k + 300] = bad;
      const std::vector<float> y = run(table(), w, x, m);
      for (std::size_t i = 0; i < y.size(); ++i)
        ASSERT_EQ(std::isfinite(y[i]), i / w.n != 5) << w.stored.name << " " << i;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Tables, BlockGemmTest, testing::ValuesIn(kTableNames), table_name);

}  // namespace
}  // namespace skald::kernels
