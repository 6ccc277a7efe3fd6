#include "formats/safetensors.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <vector>

#include "base/buffer.h"
#include "formats/safetensors_writer.h"
#include "skald/error.h"
#include "skald/log.h"
#include "support/expect_error.h"
#include "support/raw_safetensors.h"
#include "support/temp_dir.h"
#include "support/thread_seconds.h"

namespace skald {
namespace {

using test::one_tensor;
using test::raw_safetensors;

// Opens a file with these bytes; the folder goes with it.
template <typename E = FormatError>
void refuse(std::string_view bytes, std::string_view part) {
  const test::TempDir dir;
  const std::string path = dir.write("m.safetensors", bytes);
  const double seconds = test::thread_seconds([&] {
    test::expect_error<E>([&] { open_tensor_source(path); }, part);
    test::expect_error<E>([&] { open_tensor_source(path); }, "m.safetensors: ");
  });
  EXPECT_LT(seconds, 20.0);  // also under sanitizers
}

std::vector<std::string> accept(std::string_view bytes) {
  const test::TempDir dir;
  const auto source = open_tensor_source(dir.write("m.safetensors", bytes));
  std::vector<std::string> names;
  for (const TensorInfo& tensor : source->tensors()) {
    std::vector<std::byte> data(tensor.bytes);
    source->read(tensor, 0, data);
    names.push_back(tensor.name + shape_text(tensor.shape));
  }
  return names;
}

using Names = std::vector<std::string>;

TEST(Safetensors, ReadsWhatTheWriterWrites) {
  const test::TempDir dir;
  const auto path = dir.path() / "model.safetensors";
  const std::vector<TensorSpec> specs = {
      {"b", DType::f32, {3, 5}}, {"a", DType::bf16, {1 << 20, 7}}, {"s", DType::i64, {}}};
  const auto byte_at = [](const std::string& name, std::uint64_t i) {
    return static_cast<std::byte>(i * 31 + i / 255 + static_cast<unsigned char>(name[0]));
  };
  write_safetensors(path, specs,
                    [&](const TensorSpec& tensor, std::uint64_t begin, std::span<std::byte> out) {
                      for (std::size_t i = 0; i < out.size(); ++i) out[i] = byte_at(tensor.name, begin + i);
                    },
                    {{"format", "pt"}});
  const auto source = open_tensor_source(dir.path());
  EXPECT_EQ(source->describe(), "model.safetensors");
  ASSERT_EQ(source->tensors().size(), 3U);
  EXPECT_EQ(source->tensors()[0].name, "a");
  EXPECT_EQ(source->find("missing"), nullptr);
  for (const TensorInfo& tensor : source->tensors()) {
    ASSERT_EQ(source->find(tensor.name), &tensor);
    EXPECT_EQ(source->file_of(tensor), path.string());
    for (const std::uint64_t begin : {std::uint64_t{0}, tensor.bytes / 2, tensor.bytes}) {
      std::vector<std::byte> out(tensor.bytes - begin);
      source->read(tensor, begin, out);
      for (std::size_t i = 0; i < out.size(); ++i) ASSERT_EQ(out[i], byte_at(tensor.name, begin + i));
    }
    std::vector<std::byte> beyond(tensor.bytes + 1);
    test::expect_error<UsageError>([&] { source->read(tensor, 0, beyond); }, "goes beyond tensor");
    test::expect_error<UsageError>([&] { source->read(tensor, ~std::uint64_t{0}, beyond); }, "goes beyond tensor");
  }
}

// 2a.1 - 2a.3: the length
TEST(Safetensors, RefusesBadLengths) {
  refuse("", "file too small: 0 bytes, need 8");
  refuse("{", "file too small: 1 bytes, need 8");
  refuse("1234567", "m.safetensors: byte 0: file too small: 7 bytes, need 8");
  refuse(test::little_endian(0), "header length 0 is too small");
  refuse(test::little_endian(~std::uint64_t{0}) + "{}", "header length 18446744073709551615 exceeds 100 MB");
  refuse(test::little_endian(100000001) + "{}", "header length 100000001 exceeds 100 MB");
  refuse(test::little_endian(5000) + "{}", "header truncated: says 5000 bytes, file has 2 (incomplete download?)");
}

// 2a.4: the JSON text
TEST(Safetensors, RefusesHeadersThatAreNoJsonObject) {
  refuse(raw_safetensors("{\"\xff\": 1}"), "byte 10: is no UTF-8");
  refuse(raw_safetensors("\xef\xbb\xbf{}"), "byte 8: header must begin with '{', got '");
  refuse(raw_safetensors("[1]"), "byte 8: header must begin with '{', got '[1]'");
  refuse(raw_safetensors(" {}"), "byte 8: header must begin with '{'");
  refuse(raw_safetensors("{} x"), "byte 11: ");
  refuse(raw_safetensors("{}\n"), "byte 10: only spaces may follow");
  refuse(raw_safetensors(std::string_view("{}\0", 3)), "byte 10: ");
  refuse(raw_safetensors("{\"x\":"), "byte 13: the text ends here");
}

// 2a.5, 2a.6
TEST(Safetensors, RefusesDuplicatesAndBadMetadata) {
  const std::string entry = R"({"dtype":"U8","shape":[1],"data_offsets":[0,1]})";
  refuse(raw_safetensors("{\"x\":" + entry + ",\"x\":" + entry + "}", "1"), "duplicate key 'x'");
  refuse(one_tensor(R"("dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1])", 1),
         "byte 27: duplicate key 'dtype'");
  refuse(raw_safetensors(R"({"__metadata__":{"k":5}})"), "__metadata__['k']: must be a string, got 5");
  refuse(raw_safetensors(R"({"__metadata__":{"k":{"a":"b"}}})"), "__metadata__['k']: must be a string, got an object");
  refuse(raw_safetensors(R"({"__metadata__":"x"})"), "__metadata__: must be an object, got 'x'");
}

// 2a.7, 2a.8
TEST(Safetensors, RefusesIncompleteEntries) {
  refuse(one_tensor(R"("shape":[1],"data_offsets":[0,1])", 1), "tensor 'x': dtype missing");
  refuse(one_tensor(R"("dtype":"U8","data_offsets":[0,1])", 1), "tensor 'x': shape missing");
  refuse(one_tensor(R"("dtype":"U8","shape":[1])", 1), "tensor 'x': data_offsets missing");
  refuse(one_tensor(R"("dtype":"U8","shape":[1],"data_offsets":[0])", 1), "data_offsets must be 2 numbers, got 1");
  refuse(one_tensor(R"("dtype":"U8","shape":[1],"data_offsets":[0,1,2])", 1), "data_offsets must be 2 numbers, got 3");
  refuse(one_tensor(R"("dtype":"U8","shape":[1],"data_offsets":"0")", 1), "data_offsets must be an array");
  refuse(one_tensor(R"("dtype":8,"shape":[1],"data_offsets":[0,1])", 1), "dtype must be a string, got 8");
  refuse(raw_safetensors(R"({"x":7})"), "tensor 'x': must be an object, got 7");
  refuse<UnsupportedError>(one_tensor(R"("dtype":"F4_X","shape":[1],"data_offsets":[0,1])", 1),
                           "dtype 'F4_X' is unknown; supported: F64, F32, F16, BF16");
}

TEST(Safetensors, WarnsOnceOfUnknownKeys) {
  Names lines;
  set_log_sink([&](LogLevel, std::string_view line) { lines.emplace_back(line); });
  accept(one_tensor(R"("dtype":"U8","shape":[1],"data_offsets":[0,1],"new":1,"newer":2)", 1));
  set_log_sink({});
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_NE(lines[0].find("key 'new' of tensor 'x' is not known"), std::string::npos) << lines[0];
}

// 2a.9, 2a.10
TEST(Safetensors, RefusesBadShapes) {
  for (const char* item : {"-1", "1.5", "1e3", "\"3\"", "null", "18446744073709551616", "[1]", "true"}) {
    refuse(one_tensor(std::string(R"("dtype":"U8","shape":[1,)") + item + R"(],"data_offsets":[0,1])", 1),
           "tensor 'x': shape[1] must be a non-negative integer, got ");
  }
  refuse(one_tensor(R"("dtype":"U8","shape":5,"data_offsets":[0,1])", 1), "shape must be an array of integers, got 5");
  refuse(one_tensor(R"("dtype":"F32","shape":[4194305,4194305,211106198978564],"data_offsets":[0,16])", 16),
         "shape overflows: [4194305,4194305,211106198978564] F32");
  refuse(one_tensor(R"("dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,0])", 0), "shape overflows");
}

// 2a.11
TEST(Safetensors, RefusesOffsetsOutsideTheData) {
  const auto with_offsets = [](std::string_view offsets) {
    return one_tensor(R"("dtype":"U8","shape":[4],"data_offsets":)" + std::string(offsets), 4);
  };
  refuse(with_offsets("[4,0]"), "tensor 'x': [4,0) lies outside the 4 data bytes");
  refuse(with_offsets("[4,8]"), "tensor 'x': [4,8) lies outside the 4 data bytes: file ends at byte ");
  refuse(with_offsets("[0,5]"), "(incomplete download?)");
  refuse(with_offsets("[9223372036854775800,9223372036854775807]"), "lies outside the 4 data bytes");
  refuse(with_offsets("[18446744073709551612,18446744073709551615]"), "data_offsets[0] must be a non-negative integer");
  refuse(with_offsets("[0,-4]"), "data_offsets[1] must be a non-negative integer, got -4");
}

// 2a.12, 2a.13
TEST(Safetensors, RefusesOverlapsGapsAndTrailingBytes) {
  const auto two = [](std::string_view a, std::string_view b, std::size_t data) {
    return raw_safetensors(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":)" + std::string(a) +
                               R"(},"b":{"dtype":"U8","shape":[4],"data_offsets":)" + std::string(b) + "}}",
                           std::string(data, 'd'));
  };
  EXPECT_EQ(accept(two("[4,8]", "[0,4]", 8)), (Names{"a[4]", "b[4]"}));
  refuse(two("[0,4]", "[2,6]", 6), "tensor 'b': overlaps tensor 'a'");
  refuse(two("[0,4]", "[0,4]", 4), "tensor 'b': overlaps tensor 'a'");
  refuse(two("[0,4]", "[6,10]", 10), "tensor 'b': gap of 2 bytes before it");
  refuse(two("[2,6]", "[6,10]", 10), "tensor 'a': gap of 2 bytes before it");
  refuse(two("[0,4]", "[4,8]", 11), "3 trailing bytes after the last tensor");
  refuse(raw_safetensors("{}", "x"), "byte 10: 1 trailing bytes after the last tensor");
  refuse(one_tensor(R"("dtype":"F32","shape":[2,3],"data_offsets":[0,20])", 20),
         "[2,3] F32 needs 24 bytes, data_offsets give 20");
  refuse(one_tensor(R"("dtype":"F4","shape":[3],"data_offsets":[0,2])", 2), "[3] F4 does not fill whole bytes");
}

// 2a.14, 2a.15 and 2i: what must be accepted
TEST(Safetensors, AcceptsEmptyTensorsScalarsPaddingAndMisalignment) {
  EXPECT_EQ(accept(raw_safetensors("{}")), Names{});
  EXPECT_EQ(accept(raw_safetensors("{}      ")), Names{});
  EXPECT_EQ(accept(one_tensor(R"("dtype":"F32","shape":[],"data_offsets":[0,4])", 4)), Names{"x[]"});
  EXPECT_EQ(accept(one_tensor(R"("dtype":"F32","shape":[0,4],"data_offsets":[0,0])", 0)), Names{"x[0,4]"});
  EXPECT_EQ(accept(one_tensor(R"("dtype":"F32","shape":[4294967296,4294967296,0],"data_offsets":[0,0])", 0)),
            Names{"x[4294967296,4294967296,0]"});
  EXPECT_EQ(accept(one_tensor(R"("dtype":"F32", "shape":[1],"data_offsets":[0,4] )", 4)), Names{"x[1]"});
  EXPECT_EQ(accept(one_tensor(R"("dtype":"F4","shape":[4],"data_offsets":[0,2])", 2)), Names{"x[4]"});
  const std::string shares = R"({"z":{"dtype":"U8","shape":[0],"data_offsets":[OFFSETS]},
                                 "x":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}})";
  const auto zero_at = [&](const std::string& offsets) {
    std::string header = shares;
    return raw_safetensors(header.replace(header.find("OFFSETS"), 7, offsets), "1234");
  };
  EXPECT_EQ(accept(zero_at("0,0")), (Names{"x[4]", "z[0]"}));
  EXPECT_EQ(accept(zero_at("4,4")), (Names{"x[4]", "z[0]"}));
  refuse(zero_at("2,2"), "tensor 'z': overlaps tensor 'x'");
  refuse(zero_at("5,5"), "lies outside the 4 data bytes");
}

TEST(Safetensors, AcceptsNamesAndMetadataOfAnyKind) {
  EXPECT_EQ(accept(raw_safetensors(R"({"__metadata__":{},"größe.😀":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},
                                       "":{"data_offsets":[1,2],"shape":[1],"dtype":"BOOL"}})",
                                   "12")),
            (Names{"[1]", "größe.😀[1]"}));
}

// 2a.16: quickly, and without taking much memory
TEST(Safetensors, LimitsNamesDepthAndCount) {
  const std::string entry = R"({"dtype":"U8","shape":[0],"data_offsets":[0,0]})";
  refuse<LimitError>(raw_safetensors("{\"" + std::string(std::size_t{64} << 20, 'n') + "\":" + entry + "}"),
                     "name of 67108864 bytes, at most 65535");
  refuse<LimitError>(raw_safetensors("{\"__metadata__\":" + std::string(100000, '[')), "nested deeper than 128");
  std::string header = "{";
  for (int i = 0; i < 1000000; ++i) header += "\"t" + std::to_string(i) + "\":" + entry + ",";
  header.back() = '}';
  refuse<LimitError>(raw_safetensors(header), "more than 2097152 values and keys");
#if !defined(__SANITIZE_THREAD__)  // which keeps more than that about a million allocations
  EXPECT_LT(peak_resident_memory(), std::size_t{1} << 30);
#endif
}

// 2a.17: content decides, not the name
TEST(Safetensors, NamesFilesOfOtherFormats) {
  const std::string lfs =
      "version https://git-lfs.github.com/spec/v1\noid sha256:" + std::string(64, 'a') + "\nsize 123456789\n";
  refuse(lfs, "this is a Git LFS pointer: run `git lfs pull` to fetch the file itself (" + std::to_string(lfs.size()));
  refuse(std::string_view("PK\x03\x04\0\0\0\0 and a header", 22), "not a consistent ZIP archive");
  refuse("<!DOCTYPE html><html>", "an HTML page");
  refuse("\x80\x02}q", "a Python pickle");
}

// 2a.19: a file that shrinks while it is in use
TEST(Safetensors, SaysSoWhenTheFileShrinks) {
  const test::TempDir dir;
  const std::string path =
      dir.write("m.safetensors", one_tensor(R"("dtype":"U8","shape":[100],"data_offsets":[0,100])", 100));
  const auto source = open_tensor_source(path);
  ASSERT_EQ(truncate(path.c_str(), 100), 0);
  std::vector<std::byte> out(100);
  test::expect_error<FormatError>([&] { source->read(source->tensors()[0], 0, out); }, "file ends at byte 100");
}

TEST(SafetensorsWriter, LeavesNothingBehindWhenItFails) {
  const test::TempDir dir;
  const std::vector<TensorSpec> specs = {{"a", DType::f32, {4}}};
  EXPECT_THROW(
      write_safetensors(dir.path() / "m.safetensors", specs,
                        [](const TensorSpec&, std::uint64_t, std::span<std::byte>) { throw std::bad_alloc(); }),
      std::bad_alloc);
  EXPECT_TRUE(std::filesystem::is_empty(dir.path()));
  const auto nothing = [](const TensorSpec&, std::uint64_t, std::span<std::byte>) {};
  test::expect_error<PathError>([&] { write_safetensors(dir.path() / "no/m.safetensors", specs, nothing); },
                                "cannot be written");
  test::expect_error<LimitError>(
      [&] {
        write_safetensors(dir.path() / "m", std::vector<TensorSpec>{{"a", DType::f32, {1ULL << 40, 1ULL << 40}}},
                          nothing);
      },
      "shape overflows");
}

}  // namespace
}  // namespace skald
