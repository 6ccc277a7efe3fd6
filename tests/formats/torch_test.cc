// Checkpoints of torch.save beside what torch reads from them; malformed ones are in test_bad_files.py.
#include <gtest/gtest.h>

#include <filesystem>

#include "formats/crc32.h"
#include "formats/file_tensors.h"
#include "formats/safetensors.h"
#include "formats/torch_checkpoint.h"
#include "skald/error.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace skald {
namespace {

namespace fs = std::filesystem;

const fs::path kFolder = fs::path(SKALD_TEST_DATA) / "formats" / "torch";

std::vector<std::byte> bytes_of(const TensorSource& source, const TensorInfo& tensor) {
  std::vector<std::byte> bytes(tensor.bytes);
  source.read(tensor, 0, bytes);
  return bytes;
}

// A matrix that is stored the other way round, as it is meant.
std::vector<std::byte> row_major(const TensorInfo& tensor, const std::vector<std::byte>& stored) {
  if (!tensor.transposed) return stored;
  const std::size_t size = stored_unit(tensor).bytes, rows = tensor.shape[0], columns = tensor.shape[1];
  std::vector<std::byte> out(stored.size());
  for (std::size_t i = 0; i < rows * columns; ++i) {
    std::copy_n(stored.begin() + static_cast<std::ptrdiff_t>((i % columns * rows + i / columns) * size), size,
                out.begin() + static_cast<std::ptrdiff_t>(i * size));
  }
  return out;
}

void expect_same(const TensorSource& found, const TensorSource& expected) {
  ASSERT_EQ(found.tensors().size(), expected.tensors().size());
  for (const TensorInfo& want : expected.tensors()) {
    const TensorInfo* const tensor = found.find(want.name);
    ASSERT_NE(tensor, nullptr) << want.name;
    EXPECT_EQ(tensor->dtype, want.dtype) << want.name;
    EXPECT_EQ(tensor->shape, want.shape) << want.name;
    EXPECT_EQ(row_major(*tensor, bytes_of(found, *tensor)), bytes_of(expected, want)) << want.name;
  }
}

class Torch : public testing::TestWithParam<const char*> {};

TEST_P(Torch, GivesWhatTorchLoads) {
  const fs::path file = kFolder / (std::string(GetParam()) + ".pt");
  const auto found = open_torch(file);
  expect_same(*found, *open_safetensors(fs::path(file).replace_extension(".safetensors")));
  ThreadPool pool(2);
  check_sums(*found, pool);
}

INSTANTIATE_TEST_SUITE_P(Files, Torch,
                         testing::Values("types", "protocol3", "protocol4", "protocol5", "views", "module", "wrapped",
                                         "training", "attributes", "without_sums"),
                         [](const auto& info) { return std::string(info.param); });

TEST(TorchCheckpoint, ReadsAnyPartOfAView) {
  const auto views = open_torch(kFolder / "views.pt");
  for (const TensorInfo& tensor : views->tensors()) {
    const std::vector<std::byte> whole = bytes_of(*views, tensor);
    const std::size_t size = stored_unit(tensor).bytes, n = tensor.bytes / size;
    for (std::size_t begin = 0; begin < n; begin += 7) {
      std::vector<std::byte> part(std::min<std::size_t>(5, n - begin) * size);
      views->read(tensor, begin * size, part);
      EXPECT_TRUE(std::equal(part.begin(), part.end(), whole.begin() + static_cast<std::ptrdiff_t>(begin * size)));
    }
    std::vector<std::byte> beyond(1);
    EXPECT_THROW(views->read(tensor, tensor.bytes, beyond), UsageError);
  }
  EXPECT_TRUE(views->find("large_turned")->transposed);
}

TEST(TorchCheckpoint, ReadsShards) {
  const auto found = open_tensor_source(kFolder / "shards");
  EXPECT_EQ(found->describe(), "pytorch_model.bin.index.json (2 shards)");
  expect_same(*found, *open_safetensors(kFolder / "module.safetensors"));
}

TEST(TorchCheckpoint, GivesTheSettingsOfFundamentaLlm) {
  const auto settings = read_torch_settings(kFolder / "training.pt");
  ASSERT_TRUE(settings);
  EXPECT_EQ(json::dump(*settings),
            "{\"vocab_size\":7,\"pos_encoding\":\"learned\",\"dropout\":0.1,\"tied\":true,\"names\":[\"é\",1]}");
  EXPECT_FALSE(read_torch_settings(kFolder / "wrapped.pt"));
  EXPECT_FALSE(read_torch_settings(kFolder / "types.pt"));
}

TEST(TorchCheckpoint, FindsDamageByItsSums) {
  const test::TempDir dir;
  const auto whole = open_torch(kFolder / "types.pt");
  const TensorInfo& tensor = *whole->find("float32");
  std::string bytes(fs::file_size(kFolder / "types.pt"), '\0');
  File(kFolder / "types.pt").read(0, std::as_writable_bytes(std::span(bytes)));
  bytes[tensor.offset + 3] ^= 1;
  const auto damaged = open_torch(dir.write("m.pt", bytes));
  ThreadPool pool(2);
  test::expect_error<FormatError>([&] { check_sums(*damaged, pool); }, "its checksum is wrong");
}

TEST(Crc32, IsThatOfZip) {
  const std::string_view text = "The quick brown fox jumps over the lazy dog";
  const auto bytes = std::as_bytes(std::span(text));
  EXPECT_EQ(crc32(bytes), 0x414fa339U);
  for (std::size_t i = 0; i <= bytes.size(); ++i)
    EXPECT_EQ(crc32(bytes.subspan(i), crc32(bytes.first(i))), 0x414fa339U);
  EXPECT_EQ(crc32({}), 0U);
}

}  // namespace
}  // namespace skald
