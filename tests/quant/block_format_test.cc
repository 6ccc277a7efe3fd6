#include "quant/block_format.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "base/float16.h"

namespace skald::quant {
namespace {

// One record of make_block_goldens.py.
struct Golden {
  const BlockFormat* format = nullptr;
  std::vector<std::byte> blocks;  // [n, format->bytes]
  std::vector<float> numbers;     // [n, format->block]
  [[nodiscard]] std::size_t count() const { return numbers.size() / format->block; }
  [[nodiscard]] const std::byte* block(std::size_t i) const { return blocks.data() + i * format->bytes; }
  [[nodiscard]] const float* expected(std::size_t i) const { return numbers.data() + i * format->block; }
};

std::vector<Golden> read_goldens(const std::string& name) {
  std::ifstream file(std::string(SKALD_TEST_DATA) + "/quant/" + name, std::ios::binary);
  const std::string data{std::istreambuf_iterator<char>(file), {}};
  std::vector<Golden> goldens;
  for (std::size_t at = 0; at < data.size();) {
    std::array<std::uint32_t, 2> head{};
    std::memcpy(head.data(), data.data() + at, sizeof head);
    Golden golden;
    golden.format = find_block_format(head[0]);
    if (golden.format == nullptr) throw std::runtime_error("no format " + std::to_string(head[0]));
    golden.blocks.resize(head[1] * golden.format->bytes);
    golden.numbers.resize(head[1] * golden.format->block);
    std::memcpy(golden.blocks.data(), data.data() + at + sizeof head, golden.blocks.size());
    std::memcpy(golden.numbers.data(), data.data() + at + sizeof head + golden.blocks.size(),
                golden.numbers.size() * sizeof(float));
    at += sizeof head + golden.blocks.size() + golden.numbers.size() * sizeof(float);
    goldens.push_back(std::move(golden));
  }
  return goldens;
}

// Bit for bit, but that all NaNs are one.
void expect_same(const float* got, const float* wanted, std::size_t n, const std::string& what) {
  for (std::size_t i = 0; i < n; ++i) {
    if (std::isnan(wanted[i]) && std::isnan(got[i])) continue;
    ASSERT_EQ(std::bit_cast<std::uint32_t>(got[i]), std::bit_cast<std::uint32_t>(wanted[i]))
        << what << ", weight " << i << ": " << got[i] << ", wanted " << wanted[i];
  }
}

std::string place(const Golden& golden, std::size_t i) {
  return std::string(golden.format->name) + ", block " + std::to_string(i);
}

TEST(BlockFormat, UnpacksAsGgml) {
  const auto goldens = read_goldens("unpack.bin");
  EXPECT_EQ(goldens.size(), block_formats().size());
  for (const Golden& golden : goldens) {
    std::vector<float> out(golden.format->block);
    for (std::size_t i = 0; i < golden.count(); ++i) {
      golden.format->unpack(golden.block(i), out.data());
      expect_same(out.data(), golden.expected(i), out.size(), place(golden, i));
    }
  }
}

TEST(BlockFormat, PartsGiveTheSameValuesByTheFormula) {
  for (const Golden& golden : read_goldens("unpack.bin")) {
    const BlockFormat& format = *golden.format;
    if (format.take_apart == nullptr) continue;
    std::vector<float> out(format.block);
    for (std::size_t b = 0; b < golden.count(); ++b) {
      BlockParts parts;
      format.take_apart(golden.block(b), parts);
      const float d = block_scale(format, parts.d);
      const float dmin = to_float(Float16{parts.dmin});
      for (std::size_t i = 0; i < format.block; ++i) {
        if (!format.codebook.empty()) {
          ASSERT_LT(parts.codes[i], format.codebook.size());
        }
        const int level = format.codebook.empty() ? parts.codes[i] - format.zero : format.codebook[parts.codes[i]];
        const float product = d * static_cast<float>(parts.scales[i / kGroup]) * static_cast<float>(level);
        out[i] = product - dmin * static_cast<float>(parts.mins[i / kGroup]);
      }
      expect_same(out.data(), golden.expected(b), out.size(), place(golden, b));
    }
  }
}

TEST(BlockFormat, PacksAsGgml) {
  const auto goldens = read_goldens("pack.bin");
  EXPECT_EQ(goldens.size(), 6U);
  for (const Golden& golden : goldens) {
    ASSERT_NE(golden.format->pack, nullptr);
    std::vector<std::byte> block(golden.format->bytes);
    for (std::size_t i = 0; i < golden.count(); ++i) {
      golden.format->pack(golden.expected(i), block.data());
      EXPECT_EQ(std::memcmp(block.data(), golden.block(i), block.size()), 0) << place(golden, i);
    }
  }
}

// What is not finite gives some block: only that it is safe is promised.
TEST(BlockFormat, PackingTakesAnyNumbers) {
  for (const BlockFormat& format : block_formats()) {
    if (format.pack == nullptr) continue;
    std::vector<std::byte> block(format.bytes);
    for (const float value : {std::nanf(""), INFINITY, -INFINITY, 3e38F, 1e-44F}) {
      std::vector<float> x(format.block, 1.0F);
      x[5] = value;
      format.pack(x.data(), block.data());
      x.assign(format.block, value);
      format.pack(x.data(), block.data());
    }
  }
}

TEST(BlockFormat, TheTableIsWhole) {
  EXPECT_TRUE(std::ranges::is_sorted(block_formats(), {}, &BlockFormat::ggml_type));
  for (const BlockFormat& format : block_formats()) {
    EXPECT_EQ(find_block_format(format.ggml_type), &format);
    EXPECT_EQ(format.block % 32, 0U);
    EXPECT_LE(format.block, kMaxBlock);
  }
  EXPECT_EQ(find_block_format(0), nullptr);
  EXPECT_EQ(find_block_format(1000), nullptr);
}

}  // namespace
}  // namespace skald::quant
