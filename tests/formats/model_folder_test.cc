#include <gtest/gtest.h>

#include <filesystem>
#include <vector>

#include "formats/tensor_source.h"
#include "skald/error.h"
#include "skald/log.h"
#include "support/expect_error.h"
#include "support/raw_safetensors.h"
#include "support/temp_dir.h"

namespace skald {
namespace {

namespace fs = std::filesystem;
using test::expect_error;
using test::raw_safetensors;

// A shard with one tensor of 4 bytes.
std::string shard(const std::string& name) {
  return raw_safetensors("{\"" + name + R"(":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}})", name + "___");
}

std::string index(const std::string& weight_map, const std::string& metadata = R"({"total_size":8})") {
  return "{\"metadata\":" + metadata + ",\"weight_map\":{" + weight_map + "}}";
}

class ModelFolder : public testing::Test {
 protected:
  void write(const std::string& name, std::string_view bytes) { (void)dir_.write(name, bytes); }
  void write_two_shards() {
    write("1.safetensors", shard("a"));
    write("2.safetensors", shard("b"));
  }
  template <typename E = FormatError>
  void refuse(std::string_view part) {
    expect_error<E>([&] { open_tensor_source(dir_.path()); }, part);
  }
  void refuse_index(const std::string& text, std::string_view part) {
    write("model.safetensors.index.json", text);
    refuse(part);
    refuse("model.safetensors.index.json: ");
  }

  const std::string both_ = R"("a":"1.safetensors","b":"2.safetensors")";
  test::TempDir dir_;
};

TEST_F(ModelFolder, ReadsShards) {
  write_two_shards();
  write("model.safetensors.index.json", index(both_));
  const auto source = open_tensor_source(dir_.path());
  EXPECT_EQ(source->describe(), "model.safetensors.index.json (2 shards)");
  ASSERT_EQ(source->tensors().size(), 2U);
  for (const TensorInfo& tensor : source->tensors()) {
    std::string bytes(4, '\0');
    source->read(tensor, 0, std::as_writable_bytes(std::span(bytes)));
    EXPECT_EQ(bytes, tensor.name + "___");
    EXPECT_EQ(source->file_of(tensor),
              (dir_.path() / (tensor.name == "a" ? "1.safetensors" : "2.safetensors")).string());
  }
  EXPECT_EQ(open_tensor_source(dir_.path() / "model.safetensors.index.json")->tensors().size(), 2U);
  EXPECT_EQ(open_tensor_source(dir_.path() / "1.safetensors")->tensors().size(), 1U);
}

// 2a.18
TEST_F(ModelFolder, RefusesShardNamesThatLeaveTheFolder) {
  write_two_shards();
  for (const char* name :
       {"../../etc/passwd", "/etc/passwd", "..", ".", "", "x/../1.safetensors", "a\\\\b", "a\\u0000b"}) {
    refuse_index(index(std::string(R"("a":")") + name + "\""), "must be the name of a file in the same folder");
  }
}

TEST_F(ModelFolder, RefusesLinksOutOfTheFolderButReadsTheHuggingFaceCache) {
  const test::TempDir elsewhere;
  const std::string target = elsewhere.write("1.safetensors", shard("a"));
  fs::create_symlink(target, dir_.path() / "1.safetensors");
  refuse_index(index(R"("a":"1.safetensors")", R"({"total_size":4})"), "is a symbolic link out of the folder");

  write("models--x/blobs/abc", shard("a"));
  write("models--x/snapshots/r1/model.safetensors.index.json", index(R"("a":"1.safetensors")", R"({"total_size":4})"));
  const fs::path snapshot = dir_.path() / "models--x/snapshots/r1";
  fs::create_symlink("../../blobs/abc", snapshot / "1.safetensors");
  EXPECT_EQ(open_tensor_source(snapshot)->tensors().size(), 1U);
}

TEST_F(ModelFolder, RefusesIndexesThatDoNotFitTheirShards) {
  write_two_shards();
  refuse_index(index(R"("a":"1.safetensors","b":"2.safetensors","c":"2.safetensors")"),
               "tensor 'c': is not in its shard '2.safetensors'");
  refuse_index(index(R"("a":"2.safetensors","b":"1.safetensors")"), "tensor 'a': is not in its shard '2.safetensors'");
  refuse_index(index(both_, R"({"total_size":9})"), "promises 9 bytes of tensors, the shards hold 8");
  refuse_index(index(both_, R"({"total_size":"8"})"), "metadata.total_size = '8': must be a number");
  write("2.safetensors", shard("a"));
  refuse_index(index(both_), "tensor 'a': is in two shards: '1.safetensors' and '2.safetensors'");
  fs::remove(dir_.path() / "2.safetensors");
  write("model.safetensors.index.json", index(both_));
  refuse<PathError>("index.json: shard '2.safetensors': is missing from the folder (incomplete download?)");
}

TEST_F(ModelFolder, RefusesMalformedIndexes) {
  refuse_index("{}", "weight_map: must be an object");
  refuse_index(R"({"weight_map":{}})", "weight_map: must be an object");
  refuse_index(R"({"weight_map":[]})", "weight_map = an array: must be an object");
  refuse_index(R"({"weight_map":{"a":1}})", "weight_map['a']: must be a file name, got 1");
  refuse_index(R"({"weight_map":{"a":"1","a":"2"}})", "duplicate key 'a'");
  refuse_index("[]", "must be an object");
  refuse_index("version https://git-lfs.github.com/spec/v1\n", "not JSON: this is a Git LFS pointer");
}

// 2h.2: what else may lie in a folder
TEST_F(ModelFolder, SaysWhatIsMissing) {
  refuse<PathError>("the folder has no weights: needs model.safetensors, pytorch_model.bin, or the index of one's");
  write("tf_model.h5", "x");
  refuse<UnsupportedError>("the folder holds 'tf_model.h5', Skald needs model.safetensors");
  refuse<UnsupportedError>("save it with save_pretrained(folder)");
  for (int i = 0; i < 9; ++i) write("model-0000" + std::to_string(i) + ".gguf", "GGUF");
  refuse<UnsupportedError>("and 6 more");
  write("adapter.safetensors", shard("a"));
  refuse<UnsupportedError>("name the file itself");
}

TEST_F(ModelFolder, SaysWhichOfTwoFormatsIsTaken) {
  write("model.safetensors", shard("a"));
  write("pytorch_model.bin", "x");
  write("model.safetensors.index.json", "not read");
  std::vector<std::string> lines;
  set_log_sink([&](LogLevel, std::string_view line) { lines.emplace_back(line); });
  EXPECT_EQ(open_tensor_source(dir_.path())->describe(), "model.safetensors");
  set_log_sink({});
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_NE(lines[0].find("reading model.safetensors, not 'model.safetensors.index.json', 'pytorch_model.bin'"),
            std::string::npos)
      << lines[0];
}

TEST_F(ModelFolder, RefusesPathsThatLeadNowhere) {
  expect_error<PathError>([&] { open_tensor_source(dir_.path() / "missing"); }, "no such file");
  expect_error<PathError>([&] { open_tensor_source("/dev/zero"); }, "character device");
  write("model.safetensors/x", "a folder where a file should be");
  refuse<PathError>("model.safetensors: is a directory");
}

}  // namespace
}  // namespace skald
