// Matrix products: every table against its format's arithmetic, element by element and bit by bit.
#include <algorithm>
#include <cstdlib>
#include <memory>

#include "kernels/pack.h"
#include "support.h"

namespace skald::kernels {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

float round_to_f16(float x) {
  if (std::isnan(x) || std::isinf(x) || x == 0.0F) return x;
  int exponent = 0;
  std::frexp(x, &exponent);
  const float unit = std::ldexp(1.0F, std::max(exponent - 11, -24));
  const float rounded = std::nearbyint(x / unit) * unit;
  return std::fabs(rounded) >= 65536.0F ? std::copysign(kInf, x) : rounded;
}

float round_to(WeightFormat format, float x) {
  switch (format) {
    case WeightFormat::f32: return x;
    case WeightFormat::bf16: return to_float(to_bfloat16(x));
    case WeightFormat::f16: return round_to_f16(x);
    default: return x;
  }
}

// One weight matrix, packed by a table.
struct Weights {
  Weights(const KernelTable& table, WeightFormat format, std::vector<float> values, std::size_t n, std::size_t k)
      : kernels(table.gemm[static_cast<int>(format)]), format(format), n(n), k(k), values(std::move(values)) {
    for (float& v : this->values) v = round_to(format, v);
    const std::size_t one = panel_bytes(format, k);
    EXPECT_EQ(one % 64, 0U);
    const std::size_t bytes = panels() * one;
    packed.reset(static_cast<std::byte*>(std::aligned_alloc(64, bytes)));
    std::fill_n(packed.get(), bytes, std::byte{0xff});
    for (std::size_t p = 0; p < panels(); ++p) {
      const std::size_t rows = std::min(kPanel, n - p * kPanel);
      pack_panel(format, this->values.data() + p * kPanel * k, rows, k, packed.get() + p * one);
    }
  }
  [[nodiscard]] std::size_t panels() const { return (n + kPanel - 1) / kPanel; }

  struct Free {
    void operator()(std::byte* p) const { std::free(p); }
  };
  const GemmKernels& kernels;
  WeightFormat format;
  std::size_t n, k;
  std::vector<float> values;  // [n, k], rounded to the format
  std::unique_ptr<std::byte, Free> packed;
};

// y [m, n] by one call for panels [begin, end); y's other values are kept.
void run(const Weights& w, std::span<const float> x, std::size_t m, std::size_t begin, std::size_t end,
         std::span<float> y) {
  std::vector<std::byte> packed_x(w.kernels.packed_x_bytes(m, w.k) + 64, std::byte{0xff});
  auto* aligned = reinterpret_cast<std::byte*>((reinterpret_cast<std::uintptr_t>(packed_x.data()) + 63) / 64 * 64);
  for (std::size_t row = 0; row < m; row += 16) {
    w.kernels.pack_x(x.data(), w.k, w.k, row, std::min(m, row + 16), m, aligned);
  }
  const GemmCall call{.x = x.data(),
                      .x_stride = w.k,
                      .packed_x = packed_x.size() > 64 ? aligned : nullptr,
                      .w = w.packed.get(),
                      .y = y.data(),
                      .y_stride = w.n,
                      .m = m,
                      .n = w.n,
                      .k = w.k};
  w.kernels.gemm(call, begin, end);
}

std::vector<float> run(const Weights& w, std::span<const float> x, std::size_t m) {
  std::vector<float> y(m * w.n, kNan);
  run(w, x, m, 0, w.panels(), y);
  return y;
}

// The vector tables' arithmetic of one element.
float fma_dot(std::span<const float> x, std::span<const float> w) {
  float acc = 0.0F;
  for (std::size_t i = 0; i < x.size(); ++i) acc = std::fma(x[i], w[i], acc);
  return acc;
}

// TDPBF16PS (Intel SDM vol. 2): subnormals in and out are zero; the even and the odd products of 32 inputs are two FMA
// chains, added to each other, then to the accumulator.
float flush(float x) { return std::fabs(x) < 0x1p-126F ? std::copysign(0.0F, x) : x; }

float tile_dot(std::span<const float> x, std::span<const float> w) {
  float acc = 0.0F;
  for (std::size_t block = 0; block < x.size(); block += 32) {
    float chain[2] = {0.0F, 0.0F};
    for (std::size_t i = block; i < block + 32; ++i) {
      const bool padding = i >= x.size();  // zeros: they turn -0 into +0
      const float a = padding ? 0.0F : flush(to_float(to_bfloat16(x[i])));
      chain[i % 2] = flush(std::fma(a, padding ? 0.0F : flush(w[i]), chain[i % 2]));
    }
    acc = flush(acc + flush(chain[0] + chain[1]));
  }
  return acc;
}

// VDPBF16PS (Intel SDM vol. 2): pair after pair the odd product, then the even one, subnormals as above.
float pair_dot(std::span<const float> x, std::span<const float> w) {
  const auto product = [&](std::size_t i, float acc) {
    const bool padding = i >= x.size();
    return flush(std::fma(padding ? 0.0F : flush(to_float(to_bfloat16(x[i]))), padding ? 0.0F : flush(w[i]), acc));
  };
  float acc = 0.0F;
  for (std::size_t i = 0; i < x.size(); i += 2) acc = product(i, product(i + 1, acc));
  return acc;
}

std::vector<float> expected(const KernelTable& table, WeightFormat format, const Weights& w, std::span<const float> x,
                            std::size_t m) {
  const bool bf16 = format == WeightFormat::bf16;
  const auto dot = bf16 && has_tiles(table) ? tile_dot : bf16 && has_pairs(table) ? pair_dot : fma_dot;
  std::vector<float> y(m * w.n);
  for (std::size_t r = 0; r < m; ++r) {
    for (std::size_t c = 0; c < w.n; ++c) {
      y[r * w.n + c] = dot(x.subspan(r * w.k, w.k), std::span<const float>(w.values).subspan(c * w.k, w.k));
    }
  }
  return y;
}

constexpr WeightFormat kFormats[] = {WeightFormat::f32, WeightFormat::bf16, WeightFormat::f16};

class GemmTest : public TableTest {};

TEST_P(GemmTest, PackingRoundsToTheFormatAndUnpackingIsItsInverse) {
  for (const WeightFormat format : kFormats) {
    for (const std::size_t k : {1, 2, 3, 17, 32, 33, 64}) {
      for (const std::size_t n : {1, 31, 32, 45}) {
        std::vector<float> values = random_floats(n * k, 1, 0.02F);
        values[0] = 1e-6F;  // subnormal as a half
        Weights w(table(), format, values, n, k);
        std::vector<float> row(k);
        for (std::size_t p = 0; p < w.panels(); ++p) {
          // Unrounded input gives the same panel: packing rounds as round_to does.
          std::vector<std::byte> panel(panel_bytes(format, k));
          const std::size_t rows = std::min(kPanel, n - p * kPanel);
          pack_panel(format, values.data() + p * kPanel * k, rows, k, panel.data());
          ASSERT_TRUE(std::equal(panel.begin(), panel.end(), w.packed.get() + p * panel.size()));
          for (std::size_t r = 0; r < kPanel; ++r) {
            unpack_row(format, panel.data(), r, k, row.data());
            for (std::size_t i = 0; i < k; ++i) {
              const float want = r < rows ? w.values[(p * kPanel + r) * k + i] : 0.0F;
              ASSERT_TRUE(same_bits(row[i], want)) << row[i] << " for " << want;
            }
          }
        }
      }
    }
  }
}

TEST_P(GemmTest, HalvesOfEveryKindSurvivePacking) {
  const WeightFormat format = WeightFormat::f16;
  std::vector<float> values(0x10000);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = to_float(Float16{static_cast<std::uint16_t>(i)});
  std::vector<std::byte> panel(panel_bytes(format, values.size()));
  std::vector<float> row(values.size());
  pack_panel(format, values.data(), 1, values.size(), panel.data());
  unpack_row(format, panel.data(), 0, values.size(), row.data());
  EXPECT_TRUE(same_bits(row, values));
}

TEST_P(GemmTest, RoundsToHalvesToNearestEven) {
  const WeightFormat format = WeightFormat::f16;
  std::vector<float> values = {65519.0F,        65520.0F,   -65520.0F,    1e9F,         0x1p-24F,     0x1p-25F,
                               0x1.8p-25F,      0x1.8p-24F, 0x1.ffcp-15F, 0x1.ffep-15F, 0x1.fffp-15F, 1.0F + 0x1p-11F,
                               1.0F + 0x3p-11F, 1e-9F,      -1e-9F,       kInf,         -kInf,        kNan};
  std::vector<std::byte> panel(panel_bytes(format, values.size()));
  std::vector<float> row(values.size());
  pack_panel(format, values.data(), 1, values.size(), panel.data());
  unpack_row(format, panel.data(), 0, values.size(), row.data());
  for (float& v : values) v = round_to_f16(v);
  EXPECT_TRUE(same_bits(row, values));
}

TEST_P(GemmTest, EveryElementHasTheArithmeticOfItsFormat) {
  struct Shape {
    std::size_t m, n, k;
  };
  std::vector<Shape> shapes = {{1, 1, 1},     {1, 33, 2},    {2, 100, 3},   {3, 31, 31},    {4, 32, 32},
                               {5, 64, 33},   {1, 290, 65},  {2, 290, 40},  {3, 290, 7},    {13, 47, 257},
                               {17, 16, 300}, {40, 70, 515}, {1, 129, 600}, {300, 33, 290}, {16, 48, 1030}};
  for (std::size_t m = 1; m <= 40; ++m) shapes.push_back({m, 65 + m, 2 * m + 1});
  for (const WeightFormat format : kFormats) {
    for (const auto& [m, n, k] : shapes) {
      const Weights w(table(), format, random_floats(n * k, 2), n, k);
      const std::vector<float> x = random_floats(m * k, 3);
      ASSERT_TRUE(same_bits(run(w, x, m), expected(table(), format, w, x, m)))
          << "format " << static_cast<int>(format) << " m " << m << " n " << n << " k " << k;
    }
  }
}

TEST_P(GemmTest, IsCloseToTheExactProduct) {
  constexpr std::size_t kM = 5, kN = 40, kK = 700;
  for (const WeightFormat format : kFormats) {
    const Weights w(table(), format, random_floats(kN * kK, 4), kN, kK);
    const std::vector<float> x = random_floats(kM * kK, 5);
    const std::vector<float> y = run(w, x, kM);
    // Inputs rounded to bf16; k roundings of a running sum.
    const bool rounded = format == WeightFormat::bf16 && (has_tiles(table()) || has_pairs(table()));
    const long double epsilon = rounded ? 0x1p-8L : kK * 0x1p-24L;
    for (std::size_t r = 0; r < kM; ++r) {
      for (std::size_t c = 0; c < kN; ++c) {
        long double exact = 0;
        long double magnitude = 0;
        for (std::size_t i = 0; i < kK; ++i) {
          const long double product = static_cast<long double>(x[r * kK + i]) * w.values[c * kK + i];
          exact += product;
          magnitude += std::fabs(product);
        }
        ASSERT_LE(std::fabs(exact - y[r * kN + c]), epsilon * magnitude);
      }
    }
  }
}

TEST_P(GemmTest, AnySplitOverPanelsAndRowsGivesTheSameBits) {
  constexpr std::size_t kM = 37, kN = 300, kK = 545;
  for (const WeightFormat format : kFormats) {
    const Weights w(table(), format, random_floats(kN * kK, 6), kN, kK);
    const std::vector<float> x = random_floats(kM * kK, 7);
    const std::vector<float> whole = run(w, x, kM);
    std::mt19937 engine(8);
    for (int trial = 0; trial < 8; ++trial) {
      std::vector<float> y(kM * kN, kNan);
      for (std::size_t row = 0; row < kM;) {
        const std::size_t rows = std::min<std::size_t>(kM - row, 1 + engine() % 20);
        for (std::size_t panel = 0; panel < w.panels();) {
          const std::size_t panels = std::min<std::size_t>(w.panels() - panel, 1 + engine() % 6);
          run(w, std::span(x).subspan(row * kK, rows * kK), rows, panel, panel + panels,
              std::span(y).subspan(row * kN, rows * kN));
          panel += panels;
        }
        row += rows;
      }
      ASSERT_TRUE(same_bits(y, whole));
    }
  }
}

TEST_P(GemmTest, TouchesNoColumnOfOtherPanels) {
  constexpr std::size_t kM = 14, kN = 150, kK = 20;
  for (const WeightFormat format : kFormats) {
    const Weights w(table(), format, random_floats(kN * kK, 9), kN, kK);
    const std::vector<float> x = random_floats(kM * kK, 10);
    std::vector<float> y(kM * kN, 12345.0F);
    run(w, x, kM, 1, 3, y);
    for (std::size_t i = 0; i < y.size(); ++i) {
      const bool inside = i % kN >= kPanel && i % kN < 3 * kPanel;
      ASSERT_EQ(y[i] != 12345.0F, inside) << i;
    }
  }
}

TEST_P(GemmTest, ReadsRowsWithAStrideAndWritesRowsWithAStride) {
  constexpr std::size_t kM = 9, kN = 20, kK = 50, kXStride = 61, kYStride = 33;
  const GemmKernels& kernels = table().gemm[0];
  const Weights w(table(), WeightFormat::f32, random_floats(kN * kK, 11), kN, kK);
  const std::vector<float> x = random_floats(kM * kXStride - (kXStride - kK), 12);
  std::vector<float> y(kM * kYStride - (kYStride - kN), 7.0F);
  const GemmCall call{x.data(), kXStride, nullptr, w.packed.get(), y.data(), kYStride, kM, kN, kK};
  kernels.gemm(call, 0, 1);
  for (std::size_t i = 0; i < y.size(); ++i) {
    const std::size_t row = i / kYStride;
    const std::size_t column = i % kYStride;
    const float want = column >= kN ? 7.0F
                                    : fma_dot(std::span(x).subspan(row * kXStride, kK),
                                              std::span<const float>(w.values).subspan(column * kK, kK));
    ASSERT_TRUE(same_bits(y[i], want)) << i;
  }
}

TEST_P(GemmTest, TinyValuesAreFlushedByProductsOfBf16Only) {
  constexpr std::size_t kM = 18, kN = 40, kK = 70;
  for (const float scale : {1e-18F, 1e-19F, 1e-20F, 1e-38F}) {
    for (const WeightFormat format : kFormats) {
      std::vector<float> values = random_floats(kN * kK, 15, format == WeightFormat::f16 ? 1.0F : scale);
      const Weights w(table(), format, values, kN, kK);
      const std::vector<float> x = random_floats(kM * kK, 16, scale);
      ASSERT_TRUE(same_bits(run(w, x, kM), expected(table(), format, w, x, kM))) << scale;
    }
  }
}

TEST_P(GemmTest, NanAndInfinityReachExactlyTheirRowOrColumn) {
  constexpr std::size_t kM = 20, kN = 70, kK = 67;
  for (const WeightFormat format : kFormats) {
    for (const float bad : {kNan, kInf, -kInf}) {
      std::vector<float> values = random_floats(kN * kK, 13);
      values[45 * kK + 66] = bad;
      const Weights w(table(), format, values, kN, kK);
      std::vector<float> x = random_floats(kM * kK, 14);
      x[17 * kK + 66] = bad;
      const std::vector<float> y = run(w, x, kM);
      for (std::size_t i = 0; i < y.size(); ++i) {
        const bool hit = i / kN == 17 || i % kN == 45;
        ASSERT_EQ(!std::isfinite(y[i]), hit) << "row " << i / kN << " column " << i % kN;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Tables, GemmTest, testing::ValuesIn(kTableNames), table_name);

}  // namespace
}  // namespace skald::kernels
