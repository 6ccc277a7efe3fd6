// Pairs of tensors that are one weight in MXFP4; tests/nn/mxfp4_test.cc has the numbers beside the reference's.
#include "formats/mxfp4_pairs.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "formats/safetensors.h"
#include "skald/error.h"
#include "support/expect_error.h"
#include "support/raw_safetensors.h"
#include "support/temp_dir.h"

namespace skald {
namespace {

using test::expect_error;

std::string entry(const char* name, const char* dtype, const std::string& shape, std::size_t begin, std::size_t end) {
  return std::string("\"") + name + R"(":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":[)" +
         std::to_string(begin) + "," + std::to_string(end) + "]}";
}

// Two outputs of 64 inputs: 64 bytes of codes, four scales.
std::string pair(const std::string& blocks_shape, const std::string& scales_shape, const char* scales_type = "U8") {
  return entry("w_blocks", "U8", blocks_shape, 0, 64) + "," + entry("w_scales", scales_type, scales_shape, 64, 68);
}

class Mxfp4Pairs : public testing::Test {
 protected:
  std::unique_ptr<TensorSource> open(const std::string& header, const std::string& data) {
    return with_mxfp4_pairs(
        open_safetensors(folder_.write("m.safetensors", test::raw_safetensors("{" + header + "}", data))));
  }

 private:
  test::TempDir folder_;
};

const std::string kCodes(64, '\x21');
const std::string kScales = "\x01\x02\x03\x04";

TEST_F(Mxfp4Pairs, AreOneTensorInBlocks) {
  const auto source = open(pair("[2,2,16]", "[2,2]"), kCodes + kScales);
  ASSERT_EQ(source->tensors().size(), 1U);
  const TensorInfo& w = source->tensors()[0];
  EXPECT_EQ(w.name, "w");
  EXPECT_EQ(stored_type_name(w), "MXFP4");
  EXPECT_EQ(w.shape, (std::vector<std::uint64_t>{64, 2}));
  EXPECT_TRUE(w.transposed);
  ASSERT_EQ(w.bytes, 4U * 17);
  std::vector<std::byte> two(2 * std::size_t{17});
  source->read(w, 17, two);
  EXPECT_EQ(std::to_integer<int>(two[0]), 2);
  EXPECT_EQ(std::to_integer<int>(two[17]), 3);
  EXPECT_EQ(std::to_integer<int>(two[1]), 0x11);
  EXPECT_EQ(std::to_integer<int>(two[2]), 0x22);
  EXPECT_THROW(source->read(w, 1, two), UsageError);
  EXPECT_THROW(source->read(w, 3 * 17, two), UsageError);
}

TEST_F(Mxfp4Pairs, OthersStayAsTheyAre) {
  const auto source =
      open(entry("a_blocks", "U8", "[64]", 0, 64) + "," + entry("b_scales", "U8", "[4]", 64, 68), kCodes + kScales);
  ASSERT_EQ(source->tensors().size(), 2U);
  EXPECT_EQ(source->tensors()[0].name, "a_blocks");
  EXPECT_EQ(source->tensors()[1].name, "b_scales");
}

TEST_F(Mxfp4Pairs, ThatDoNotFitAreNamed) {
  const std::string data = kCodes + kScales;
  expect_error<FormatError>([&] { (void)open(pair("[4,16]", "[2,2]"), data); }, "'w_scales'");
  expect_error<FormatError>([&] { (void)open(pair("[2,2,16]", "[4]"), data); }, "'w_scales'");
  expect_error<FormatError>([&] { (void)open(pair("[2,1,32]", "[2,2]"), data); }, "each 16 bytes of 'w_blocks'");
  expect_error<FormatError>([&] { (void)open(pair("[2,2,16]", "[2,2]", "I8"), data); }, "must be U8");
  expect_error<FormatError>(
      [&] { (void)open(pair("[2,2,16]", "[2,2]") + "," + entry("w", "U8", "[1]", 68, 69), data + "x"); },
      "'w': is there twice");
}

TEST_F(Mxfp4Pairs, ScalesThatAreNanAreFoundWhenRead) {
  const auto source = open(pair("[2,2,16]", "[2,2]"), kCodes + "\x01\x02\xff\x04");
  std::vector<std::byte> all(4 * std::size_t{17});
  expect_error<FormatError>([&] { source->read(source->tensors()[0], 0, all); }, "a scale is NaN");
}

}  // namespace
}  // namespace skald
