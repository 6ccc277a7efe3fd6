// Models that are cut into several GGUF files.
#include "formats/gguf_split.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "formats/gguf_model.h"
#include "formats/gguf_writer.h"
#include "skald/error.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace skald {
namespace {

namespace fs = std::filesystem;

class GgufSplit : public testing::Test {
 protected:
  struct Part {
    std::uint32_t number = 0, count = 3, tensors = 4;
    std::string name = "tiny";
  };

  // Part `number` has the tensors called `tensors`, of two numbers: its own, and their place in it.
  void write(const std::string& file, const Part& part, const std::vector<std::string>& tensors) {
    std::vector<GgufField> fields = {{"split.no", part.number},
                                     {"split.count", part.count},
                                     {"split.tensors.count", part.tensors},
                                     {"general.architecture", std::string("llama")}};
    if (!part.name.empty()) fields.push_back({"general.name", part.name});
    std::vector<std::vector<float>> values;
    std::vector<GgufTensor> written;
    for (const std::string& name : tensors) {
      values.push_back({static_cast<float>(part.number), static_cast<float>(values.size())});
      written.push_back({.name = name, .shape = {2}, .values = {}});
    }
    for (std::size_t i = 0; i < written.size(); ++i) written[i].values = values[i];
    write_gguf(dir_.path() / file, fields, written);
  }

  void write_whole() {
    write("m-00001-of-00003.gguf", {.number = 0}, {});
    write("m-00002-of-00003.gguf", {.number = 1, .name = ""}, {"d", "b"});
    write("m-00003-of-00003.gguf", {.number = 2, .name = ""}, {"a", "c"});
  }

  template <typename E = FormatError>
  void refuse(std::string_view part, const std::string& file = "m-00001-of-00003.gguf") {
    test::expect_error<E>([&] { open_gguf(dir_.path() / file); }, part);
  }

  test::TempDir dir_;
};

TEST_F(GgufSplit, AnyPartOpensAll) {
  write_whole();
  for (const char* const file : {"m-00001-of-00003.gguf", "m-00002-of-00003.gguf", "m-00003-of-00003.gguf"}) {
    const auto model = open_gguf(dir_.path() / file);
    EXPECT_EQ(model->describe(), "m-00001-of-00003.gguf (3 parts)");
    EXPECT_EQ(model->get_text("general.name"), "tiny");
    std::string found;
    for (const TensorInfo& tensor : model->tensors()) {
      std::array<float, 2> values{};
      model->read(tensor, 0, std::as_writable_bytes(std::span(values)));
      found += tensor.name + std::to_string(static_cast<int>(values[0])) + std::to_string(static_cast<int>(values[1]));
      EXPECT_EQ(model->find(tensor.name), &tensor);
      EXPECT_TRUE(model->file_of(tensor).ends_with("-0000" + std::to_string(static_cast<int>(values[0]) + 1) +
                                                   "-of-00003.gguf"));
    }
    EXPECT_EQ(found, "a20b11c21d10");
  }
}

TEST_F(GgufSplit, OnePartIsAWholeModel) {
  write("alone.gguf", {.number = 0, .count = 1, .tensors = 1}, {"a"});
  EXPECT_EQ(open_gguf(dir_.path() / "alone.gguf")->describe(), "alone.gguf");
}

TEST_F(GgufSplit, IsReadAsOneModel) {
  const std::vector<float> zeros(8);
  std::vector<GgufField> fields = {
      {"split.no", 0U}, {"split.count", 2U}, {"general.architecture", std::string("llama")}};
  for (const char* const key : {"embedding_length", "block_count", "feed_forward_length", "attention.head_count"}) {
    fields.push_back({std::string("llama.") + key, 2U});
  }
  const std::vector<GgufTensor> first = {{.name = "token_embd.weight", .shape = {4, 2}, .values = zeros}};
  const std::vector<GgufTensor> second = {{.name = "blk.0.ffn_up.weight", .shape = {4, 2}, .values = zeros}};
  write_gguf(dir_.path() / "m-00001-of-00002.gguf", fields, first);
  const std::vector<GgufField> rest = {{"split.no", 1U}, {"split.count", 2U}};
  write_gguf(dir_.path() / "m-00002-of-00002.gguf", rest, second);
  const auto path = dir_.path() / "m-00001-of-00002.gguf";
  EXPECT_EQ(read_gguf_config(*open_gguf(path)).find("vocab_size")->as_integer(), 4);
  const auto weights = open_gguf_weights(path);
  EXPECT_NE(weights->find("model.embed_tokens.weight"), nullptr);
  EXPECT_NE(weights->find("model.layers.0.mlp.up_proj.weight"), nullptr);
}

// 2b.21
TEST_F(GgufSplit, NamesThePartThatIsWrong) {
  write_whole();
  fs::remove(dir_.path() / "m-00002-of-00003.gguf");
  refuse<PathError>("m-00002-of-00003.gguf: is missing: it is part 2 of 3 of the model in ");
  write("m-00002-of-00003.gguf", {.number = 2}, {"b", "d"});
  refuse("is part 3 of 3, part 2 of 3 is expected here");
  write("m-00002-of-00003.gguf", {.number = 1, .count = 4}, {"b", "d"});
  refuse("is part 2 of 4, part 2 of 3 is expected here");
  write("m-00002-of-00003.gguf", {.number = 1, .name = "other"}, {"b", "d"});
  refuse("general.name = 'other': is a part of another model: the first part has 'tiny'");
  write("m-00002-of-00003.gguf", {.number = 1, .tensors = 7}, {"b", "d"});
  refuse("m-00002-of-00003.gguf: split.tensors.count = 7: is a part of another model: the first part has 4");
  write("m-00002-of-00003.gguf", {.number = 1}, {"b"});
  refuse("split.tensors.count = 4: the parts hold 3 tensors together");
  write("m-00002-of-00003.gguf", {.number = 1}, {"b", "a"});
  refuse("is in another part too");
}

TEST_F(GgufSplit, RefusesCountsAndNamesThatCannotBe) {
  write("m-00001-of-00000.gguf", {.count = 0}, {});
  refuse("split.count = 0: a model has 1 to 99999 parts", "m-00001-of-00000.gguf");
  write("huge.gguf", {.count = 0xffffffff}, {});
  refuse("a model has 1 to 99999 parts", "huge.gguf");
  write("renamed.gguf", {.number = 1}, {"a"});
  refuse("is part 2 of 3 of a split model: its name must end in -00002-of-00003.gguf", "renamed.gguf");
  write("m-00001-of-00002.gguf", {.number = 0}, {"a"});
  refuse("its name must end in -00001-of-00003.gguf", "m-00001-of-00002.gguf");
}

}  // namespace
}  // namespace skald
