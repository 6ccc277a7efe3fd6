#include "formats/gguf.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <vector>

#include "base/float16.h"
#include "formats/gguf_writer.h"
#include "skald/error.h"
#include "skald/log.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"
#include "support/thread_seconds.h"

namespace skald {
namespace {

constexpr std::uint32_t kF32 = 0;
constexpr std::uint64_t kHuge = ~std::uint64_t{0};

// A file with anything in it, right or wrong.
class Raw {
 public:
  explicit Raw(std::uint32_t version = 3) : bytes_("GGUF") { add(version); }
  template <typename T>
  Raw& add(T number) {
    bytes_.append(reinterpret_cast<const char*>(&number), sizeof number);
    return *this;
  }
  Raw& counts(std::uint64_t n_tensors, std::uint64_t n_entries) { return add(n_tensors).add(n_entries); }
  Raw& text(std::string_view text) {
    add(std::uint64_t{text.size()});
    bytes_ += text;
    return *this;
  }
  Raw& key(std::string_view name, std::uint32_t type) { return text(name).add(type); }
  Raw& tensor(std::string_view name, const std::vector<std::uint64_t>& dims, std::uint32_t type, std::uint64_t offset) {
    text(name).add(static_cast<std::uint32_t>(dims.size()));
    for (const std::uint64_t n : dims) add(n);
    return add(type).add(offset);
  }
  // Zeros up to the alignment, then `n` bytes of data.
  [[nodiscard]] std::string with_data(std::size_t n, std::size_t alignment = 32) const {
    std::string out = bytes_;
    out.resize((out.size() + alignment - 1) / alignment * alignment + n, '\0');
    return out;
  }
  [[nodiscard]] const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

template <typename E = FormatError>
void refuse(std::string_view bytes, std::string_view part) {
  const test::TempDir dir;
  const std::string path = dir.write("m.gguf", bytes);
  const double seconds = test::thread_seconds([&] {
    test::expect_error<E>([&] { open_gguf(path); }, part);
    test::expect_error<E>([&] { open_gguf(path); }, "m.gguf: ");
  });
  EXPECT_LT(seconds, 20.0);  // also under sanitizers
}

std::vector<std::string> accept(std::string_view bytes) {
  const test::TempDir dir;
  const auto source = open_gguf(dir.write("m.gguf", bytes));
  std::vector<std::string> names;
  for (const TensorInfo& tensor : source->tensors()) {
    std::vector<std::byte> data(tensor.bytes);
    source->read(tensor, 0, data);
    names.push_back(tensor.name + shape_text(tensor.shape));
  }
  return names;
}

using Names = std::vector<std::string>;

std::filesystem::path golden(const std::string& name) {
  return std::filesystem::path(SKALD_TEST_DATA) / "formats" / name;
}

std::vector<float> floats_of(const TensorSource& source, const std::string& name) {
  const TensorInfo* const tensor = source.find(name);
  if (tensor == nullptr) return {};
  std::vector<std::byte> bytes(tensor->bytes);
  source.read(*tensor, 0, bytes);
  const StoredUnit unit = stored_unit(*tensor);
  std::vector<float> values(bytes.size() / unit.bytes * unit.numbers);
  read_floats(*tensor, bytes, values);
  return values;
}

TEST(Gguf, ReadsTheMetadataThatThePackageWrites) {
  const auto file = open_gguf(golden("types.gguf"));
  const auto value = [&](std::string_view key) { return file->find_entry(key)->value; };
  EXPECT_EQ(value("t.u8"), GgufValue(std::uint64_t{255}));
  EXPECT_EQ(value("t.i8"), GgufValue(std::int64_t{-128}));
  EXPECT_EQ(value("t.u16"), GgufValue(std::uint64_t{65535}));
  EXPECT_EQ(value("t.i16"), GgufValue(std::int64_t{-32768}));
  EXPECT_EQ(value("t.u32"), GgufValue(std::uint64_t{4294967295}));
  EXPECT_EQ(value("t.i32"), GgufValue(std::int64_t{-2147483648LL}));
  EXPECT_EQ(value("t.f32"), GgufValue(double{0.1F}));
  EXPECT_EQ(value("t.f64"), GgufValue(0.1));
  EXPECT_EQ(value("t.bool"), GgufValue(true));
  EXPECT_EQ(value("t.u64"), GgufValue(kHuge));
  EXPECT_EQ(value("t.i64"), GgufValue(std::numeric_limits<std::int64_t>::min()));
  EXPECT_EQ(file->get_text("t.string"), "süß\n");
  EXPECT_EQ(file->get_text("general.architecture"), "llama");
  EXPECT_EQ(file->get_integer("general.alignment"), 64);
  EXPECT_EQ(file->get_integer("missing"), std::nullopt);
  EXPECT_EQ(std::get<GgufArray>(value("t.texts")).strings, (Names{"a", "", "ein Wort"}));
  const auto ints = std::get<GgufArray>(value("t.ints"));
  EXPECT_EQ(ints.type, GgufType::i32);
  ASSERT_EQ(ints.numbers.size(), 12U);
  EXPECT_EQ(ints.numbers[4], std::byte{0xfe});
  EXPECT_EQ(std::get<GgufArray>(value("t.bools")).numbers, (std::vector<std::byte>{std::byte{1}, std::byte{0}}));
  EXPECT_EQ(std::get<GgufArray>(value("t.floats")).count, 2U);
  test::expect_error<FormatError>([&] { static_cast<void>(file->get_text("t.u8")); }, "t.u8 = u8: must be a string");
  test::expect_error<FormatError>([&] { static_cast<void>(file->get_integer("t.i8")); }, "t.i8 = i8: must be");
}

TEST(Gguf, ReadsTheTensorsThatThePackageWrites) {
  const auto file = open_gguf(golden("types.gguf"));
  EXPECT_EQ(file->describe(), "types.gguf");
  ASSERT_EQ(file->tensors().size(), 6U);
  for (const std::string name : {"f32", "f16", "f64"}) {
    EXPECT_EQ(floats_of(*file, name), (std::vector<float>{-1, -0.25, 0.5, 1.25, 2, 2.75})) << name;
    EXPECT_EQ(file->find(name)->shape, (std::vector<std::uint64_t>{2, 3})) << name;
  }
  EXPECT_EQ(floats_of(*file, "bf16"), (std::vector<float>{-1, -0.25, 0.5, 1.25, 2, 2.75}));
  EXPECT_EQ(file->find("bf16")->dtype, DType::bf16);
  EXPECT_EQ(file->find("i16")->shape, (std::vector<std::uint64_t>{1, 2, 1}));
  EXPECT_EQ(floats_of(*file, "vector"), (std::vector<float>{7}));
  for (const TensorInfo& tensor : file->tensors()) EXPECT_EQ(tensor.offset % 64, 0U) << tensor.name;
}

TEST(Gguf, IsToldByItsContent) {
  const test::TempDir dir;
  const std::string path = dir.write("m.safetensors", std::string("GGUF") + std::string(20, '\3'));
  test::expect_error<UnsupportedError>([&] { open_tensor_source(path); }, "m.safetensors: byte 4: version = 50529027");
}

TEST(Gguf, ReadsTensorsInBlocks) {
  const auto file = open_gguf(golden("blocks.gguf"));
  const TensorInfo& tensor = *file->find("blk.0.attn_q.weight");
  EXPECT_EQ(stored_type_name(tensor), "Q4_0");
  EXPECT_EQ(tensor.shape, (std::vector<std::uint64_t>{2, 64}));
  EXPECT_EQ(tensor.bytes, 4 * 18U);
  EXPECT_EQ(floats_of(*file, tensor.name), std::vector<float>(128, 1.0F));
}

TEST(Gguf, ReadsWhatTheWriterWrites) {
  const test::TempDir dir;
  const std::vector<float> values = {1, 2, 3, 4, 5, 6};
  const std::vector<GgufField> fields = {{"general.architecture", "controlvector"}, {"n", std::uint32_t{7}}};
  const std::vector<GgufTensor> tensors = {{"direction.1", {6}, values}, {"b", {2, 3}, values}, {"empty", {0}, {}}};
  write_gguf(dir.path() / "x.gguf", fields, tensors);
  const auto file = open_gguf(dir.path() / "x.gguf");
  EXPECT_EQ(file->get_text("general.architecture"), "controlvector");
  EXPECT_EQ(file->get_integer("n"), 7);
  EXPECT_EQ(floats_of(*file, "direction.1"), values);
  EXPECT_EQ(floats_of(*file, "b"), values);
  EXPECT_EQ(file->find("b")->shape, (std::vector<std::uint64_t>{2, 3}));
  EXPECT_EQ(file->find("empty")->bytes, 0U);
  std::vector<std::byte> beyond(25);
  test::expect_error<UsageError>([&] { file->read(*file->find("b"), 0, beyond); }, "goes beyond tensor 'b'");
  const std::vector<GgufTensor> wrong = {{"b", {2, 2}, values}};
  test::expect_error<UsageError>([&] { write_gguf(dir.path() / "y.gguf", {}, wrong); }, "tensor 'b'");
}

// 2b.1
TEST(Gguf, RefusesOtherFormatsAndVersions) {
  refuse("", "file too small: 0 bytes");
  refuse("GGUF", "file too small: 4 bytes");
  refuse<UnsupportedError>("GGJT1234", "is of a format before GGUF");
  refuse(std::string_view("PK\x03\x04zipzip", 10), "not GGUF: this is a ZIP archive");
  refuse("abcdefgh", "not GGUF: begins with 'abcd'");
  for (const std::uint32_t version : {0U, 1U, 4U, ~0U}) {
    refuse<UnsupportedError>(Raw(version).counts(0, 0).bytes(),
                             "version = " + std::to_string(version) + ": versions 2 and 3 are read");
  }
  refuse<UnsupportedError>(Raw(0x03000000).counts(0, 0).bytes(), "byte 4: version = 50331648: is big-endian");
  EXPECT_EQ(accept(Raw(2).counts(0, 0).bytes()), Names());
  refuse(Raw().add(std::uint64_t{0}).bytes(), "n_kv: needs 8 bytes, the file ends after 0");
}

// 2b.2
TEST(Gguf, RefusesImpossibleCounts) {
  for (const std::uint64_t n : {std::uint64_t{1} << 63, kHuge, std::uint64_t{0xffffffff}}) {
    refuse(Raw().counts(n, 0).with_data(64), "n_tensors = " + std::to_string(n) + ": impossible: at most");
    refuse(Raw().counts(0, n).with_data(64), "n_kv = " + std::to_string(n) + ": impossible: at most");
  }
}

// 2b.3, 2b.4
TEST(Gguf, RefusesBadKeys) {
  const auto with_length = [](std::uint64_t n) { return Raw().counts(0, 1).add(n).with_data(70000); };
  refuse(with_length(0), "key #0: length 0: must be 1 to 65535 bytes");
  refuse(with_length(65536), "key #0: length 65536: must be");
  refuse(with_length(std::uint64_t{1} << 63), "key #0: length 9223372036854775808: must be");
  refuse(Raw().counts(0, 1).add(std::uint64_t{1000}).with_data(64), "key #0: needs 1000 bytes, the file ends after");
  refuse(Raw().counts(0, 1).key("a\xff", 0).with_data(64), "key #0 = 'a\\xff': is not UTF-8");
  refuse(Raw().counts(0, 1).key(std::string_view("a\0b", 3), 0).with_data(64), "key #0 = 'a\\x00b': holds a NUL");
  Raw twice;
  twice.counts(0, 2).key("x", 0).add('\1').key("x", 0).add('\2');
  refuse(twice.with_data(64), "key 'x': stands there twice");
}

// 2b.5 - 2b.7
TEST(Gguf, RefusesBadValues) {
  for (const std::uint32_t type : {13U, ~0U, 1U << 31}) {
    refuse(Raw().counts(0, 1).key("a.b", type).with_data(64), "key 'a.b': unknown value type " + std::to_string(type));
  }
  const auto string_of = [](std::uint64_t n) { return Raw().counts(0, 1).key("a", 8).add(n).with_data(64); };
  refuse(string_of(1000), "key 'a': needs 1000 bytes, the file ends after");
  refuse(string_of(kHuge), "key 'a': needs 18446744073709551615 bytes, the file ends after");
  const auto array_of = [](std::uint32_t type, std::uint64_t n) {
    return Raw().counts(0, 1).key("a", 9).add(type).add(n).with_data(64);
  };
  refuse(array_of(0, std::uint64_t{1} << 62), "key 'a' = 4611686018427387904: impossible: at most");
  refuse(array_of(10, kHuge / 8 + 2), "key 'a' = 2305843009213693953: impossible: at most");
  refuse(array_of(77, 1), "key 'a': unknown value type 77");
  refuse<UnsupportedError>(array_of(9, 1), "key 'a': arrays of arrays are not read");
  refuse(Raw().counts(0, 1).key("a", 12).add(1.0F).bytes() + "xxx", "key 'a': needs 8 bytes, the file ends after 7");
}

TEST(Gguf, RefusesWhatGoesOverALimit) {
  const test::TempDir dir;
  const std::uint64_t n = (std::uint64_t{1} << 30) + 1;
  std::string path = dir.write("m.gguf", Raw().counts(0, 1).key("a", 8).add(n).bytes());
  std::filesystem::resize_file(path, n + 4096);  // a hole: no disk is used
  test::expect_error<LimitError>([&] { open_gguf(path); }, "key 'a' = 1073741825 bytes: a text has at most 1073741824");
  path = dir.write("m.gguf", Raw().counts(0, 1).key("a", 9).add(std::uint32_t{0}).add(std::uint64_t{1 << 25}).bytes());
  std::filesystem::resize_file(path, std::uint64_t{1} << 26);
  test::expect_error<LimitError>([&] { open_gguf(path); }, "key 'a' = 33554432 items: ");
  path = dir.write("m.gguf", Raw().counts(1 << 21, 0).bytes());
  std::filesystem::resize_file(path, std::uint64_t{1} << 27);
  test::expect_error<LimitError>([&] { open_gguf(path); }, "n_tensors = 2097152: at most 1048576 are read");
}

TEST(Gguf, TakesOddBooleansForTrue) {
  std::string told;
  set_log_sink([&](LogLevel, std::string_view line) { told = line; });
  const test::TempDir dir;
  const auto file = open_gguf(dir.write("m.gguf", Raw().counts(0, 1).key("b", 7).add('\7').bytes()));
  set_log_sink({});
  EXPECT_EQ(file->find_entry("b")->value, GgufValue(true));
  EXPECT_NE(told.find("key 'b': a boolean of 7 is taken for true"), std::string::npos) << told;
}

// 2b.8
TEST(Gguf, RefusesBadAlignments) {
  for (const std::uint32_t alignment : {0U, 3U, 131072U}) {
    refuse(Raw().counts(0, 1).key("general.alignment", 4).add(alignment).bytes(),
           "key 'general.alignment' = " + std::to_string(alignment) + ": alignment must be a power of two");
  }
  refuse(Raw().counts(0, 1).key("general.alignment", 5).add(std::int32_t{32}).bytes(),
         "key 'general.alignment' = i32: alignment must be");
  refuse(Raw().counts(0, 1).key("general.alignment", 10).add(std::uint64_t{1} << 32).bytes(),
         "key 'general.alignment' = u64: alignment must be");
  Raw wide;
  wide.counts(2, 1).key("general.alignment", 4).add(std::uint32_t{128});
  wide.tensor("b", {4}, kF32, 128).tensor("a", {4}, kF32, 0);
  EXPECT_EQ(accept(wide.with_data(256, 128)), (Names{"a[4]", "b[4]"}));
}

// 2b.9
TEST(Gguf, RefusesBadTensorNames) {
  refuse(Raw().counts(1, 0).tensor("", {1}, kF32, 0).with_data(64), "tensor #0: length 0: must be 1 to 64 bytes");
  refuse(Raw().counts(1, 0).tensor(std::string(65, 'x'), {1}, kF32, 0).with_data(64), "tensor #0: length 65: must be");
  Raw twice;
  twice.counts(3, 0).tensor("w", {1}, kF32, 32).tensor("v", {1}, kF32, 0).tensor("w", {1}, kF32, 64);
  refuse(twice.with_data(96), "duplicate tensor 'w': #0 and #2");
}

// 2b.10, 2b.11: the four historic ways around a check of sizes are among these
TEST(Gguf, RefusesBadShapes) {
  const auto shaped = [](const std::vector<std::uint64_t>& dims, std::uint32_t type = kF32) {
    return Raw().counts(1, 0).tensor("w", dims, type, 0).with_data(64);
  };
  refuse(Raw().counts(1, 0).text("w").add(5U).with_data(640), "tensor 'w': 5 dimensions: at most 4");
  refuse(Raw().counts(1, 0).text("w").add(~0U).with_data(640), "tensor 'w': 4294967295 dimensions: at most 4");
  constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max();
  refuse(shaped({kHuge}), "tensor 'w' = [18446744073709551615]: shape overflows");
  refuse(shaped({std::uint64_t{1} << 63}), "shape overflows");
  refuse(shaped({kMost, 2}), "tensor 'w' = [2,9223372036854775807]: shape overflows");
  refuse(shaped({std::uint64_t{1} << 32, std::uint64_t{1} << 32}), "shape overflows");
  refuse(shaped({std::uint64_t{1} << 31, std::uint64_t{1} << 31, 1, 4}), "shape overflows");
  refuse(shaped({(kHuge - 3) / 4}), "tensor 'w' = [4611686018427387903]: shape overflows");
  refuse(shaped({kMost / 4}), "lies outside of the 64 bytes of data");
  refuse(shaped({0, kHuge}), "shape overflows");
  EXPECT_EQ(accept(shaped({0})), (Names{"w[0]"}));
  EXPECT_EQ(accept(shaped({})), (Names{"w[]"}));
  EXPECT_EQ(accept(shaped({2, 1, 3, 2})), (Names{"w[2,3,1,2]"}));
}

// 2b.12, 2b.13
TEST(Gguf, RefusesTypesByName) {
  const auto typed = [](std::uint32_t type, std::uint64_t row = 256) {
    return Raw().counts(1, 0).tensor("w", {row}, type, 0).with_data(2048);
  };
  refuse(typed(~0U), "tensor 'w': tensor type 4294967295 is unknown; read are F32, F16, Q4_0, ");
  refuse(typed(100), "tensor type 100 is unknown");
  refuse(typed(4), "tensor type 4 (Q4_2) was removed from the format; read are F32,");
  refuse(typed(31), "tensor type 31 (Q4_0_4_4) was removed");
  refuse(typed(12, 255), "a row of 255 is no multiple of the blocks of 256 of tensor type 12 (Q4_K)");
  for (const GgmlType& type : ggml_types()) {
    if (type.block_bytes == 0) continue;
    if (type.dtype || quant::find_block_format(type.id) != nullptr) {
      EXPECT_EQ(accept(typed(type.id)), (Names{"w[256]"})) << type.name;
    } else {
      refuse<UnsupportedError>(typed(type.id), "(" + std::string(type.name) + ") is not read in this version");
    }
  }
}

// 2b.14
TEST(Gguf, RefusesTensorsOutOfPlace) {
  const auto placed = [](std::uint64_t a, std::uint64_t b) {
    Raw raw;
    raw.counts(2, 0).tensor("a", {8}, kF32, a).tensor("b", {16}, kF32, b);
    return raw.with_data(96);
  };
  EXPECT_EQ(accept(placed(0, 32)), (Names{"a[8]", "b[16]"}));
  EXPECT_EQ(accept(placed(64, 0)), (Names{"a[8]", "b[16]"}));
  refuse(placed(4, 32), "tensor 'a' = 4: the offset must be a multiple of 32");
  refuse(placed(0, 0), "tensor 'b': overlaps tensor 'a'");
  refuse(placed(32, 0), "tensor 'a': overlaps tensor 'b'");
  refuse(placed(0, 64), "tensor 'b' = offset 64, 64 bytes: lies outside of the 96 bytes of data");
  refuse(placed(0, 1 << 20), "tensor 'b' = offset 1048576, 64 bytes: lies outside");
  refuse(placed(0, kHuge - 31), "tensor 'b' = offset 18446744073709551584, 64 bytes: lies outside");
}

// Every way to cut a good file is refused.
TEST(Gguf, RefusesEveryTruncation) {
  std::ifstream stream(golden("types.gguf"), std::ios::binary);
  const std::string whole((std::istreambuf_iterator<char>(stream)), {});
  const test::TempDir dir;
  const std::string path = dir.write("m.gguf", whole);
  const std::size_t last = open_gguf(path)->find("vector")->offset + 4;  // what follows is padding
  for (std::size_t n = last; n-- > 0;) {
    std::filesystem::resize_file(path, n);
    EXPECT_THROW(open_gguf(path), FormatError) << n;
  }
}

}  // namespace
}  // namespace skald
