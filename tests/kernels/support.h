// What the kernel tests share: the tables to test, random data in exactly sized buffers, bitwise comparison.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "base/float16.h"
#include "kernels/kernels.h"

namespace skald::kernels {

/// AMX's kernels on a software model of tiles: runs everywhere, is listed for tests only.
namespace amx_model {
extern const KernelTable kTable;
/// The check of a machine whose tiles compute wrongly.
extern const std::array<bool (*)(), 2> kWrongTilesWork;
}  // namespace amx_model
/// The same for products of pairs of bf16.
namespace pair_model {
extern const KernelTable kTable;
}

inline constexpr const char* kTableNames[] = {"scalar",     "avx2", "avx512",    "avx512vnni",
                                              "avx512bf16", "amx",  "amx_model", "pair_model"};

/// nullptr where this machine cannot run it.
inline const KernelTable* find_table(std::string_view name) {
  if (name == "amx_model") return &amx_model::kTable;
  if (name == "pair_model") return &pair_model::kTable;
  for (const KernelTable* table : available_tables()) {
    if (table->name == name) return table;
  }
  return nullptr;
}

inline bool has_tiles(const KernelTable& table) { return std::string_view(table.name).starts_with("amx"); }
inline bool has_pairs(const KernelTable& table) {
  return std::string_view(table.name) == "avx512bf16" || std::string_view(table.name) == "pair_model";
}

/// A test that runs on every table; one that the machine lacks is a visible skip.
class TableTest : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    table_ = find_table(GetParam());
    if (table_ == nullptr) GTEST_SKIP() << "this machine cannot run " << GetParam();
  }
  [[nodiscard]] const KernelTable& table() const { return *table_; }

 private:
  const KernelTable* table_ = nullptr;
};

/// The suffix of a parameterised test.
inline std::string table_name(const testing::TestParamInfo<const char*>& info) { return info.param; }

/// Deterministic data: normal values, different for every seed.
inline std::vector<float> random_floats(std::size_t n, unsigned seed, float scale = 1.0F) {
  std::mt19937 engine(seed);
  std::normal_distribution<float> normal(0.0F, scale);
  std::vector<float> values(n);
  for (float& v : values) v = normal(engine);
  return values;
}

/// Equal bits, or both NaN: which NaN comes out is the processor's choice.
inline bool same_bits(float a, float b) {
  return (std::isnan(a) && std::isnan(b)) || std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b);
}

inline testing::AssertionResult same_bits(std::span<const float> a, std::span<const float> b) {
  if (a.size() != b.size()) return testing::AssertionFailure() << a.size() << " against " << b.size() << " values";
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!same_bits(a[i], b[i])) {
      return testing::AssertionFailure() << "at " << i << ": " << std::hexfloat << a[i] << " and " << b[i];
    }
  }
  return testing::AssertionSuccess();
}

}  // namespace skald::kernels
