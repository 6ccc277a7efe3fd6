// GenerationConfig in files.
#include "skald/generation_config.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "skald/error.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace skald {
namespace {

namespace fs = std::filesystem;
using test::expect_error;

std::string read(const fs::path& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(GenerationConfigFile, IsSavedIntoAFolderAndReadBack) {
  const test::TempDir dir;
  const GenerationConfig config{
      .max_new_tokens = 9, .temperature = 0.25, .num_beams = 3, .passive = {{"use_cache", "false"}}};
  const fs::path folder = dir.path() / "a" / "b";
  config.save(folder);
  EXPECT_EQ(read(folder / "generation_config.json"),
            "{\n  \"max_new_tokens\": 9,\n  \"temperature\": 0.25,\n  \"num_beams\": 3,\n  \"use_cache\": false\n}\n");
  EXPECT_EQ(GenerationConfig::load(folder).to_json(), config.to_json());
  config.save(dir.path() / "mine.json");
  EXPECT_EQ(GenerationConfig::load(dir.path() / "mine.json").to_json(), config.to_json());
}

TEST(GenerationConfigFile, SaysInWordsOfTransformersWhatItMeans) {
  const test::TempDir dir;
  GenerationConfig{.do_sample = true, .temperature = 0.0, .top_k = -1}.save(dir.path());
  EXPECT_EQ(GenerationConfig::load(dir.path()).to_json(), R"({"do_sample":false,"top_k":0})");
}

TEST(GenerationConfigFile, IsWholeOrNotThere) {
  const test::TempDir dir;
  const GenerationConfig config{.top_k = 3};
  std::ofstream(dir.path() / "file") << "x";
  expect_error<PathError>([&] { config.save(dir.path() / "file"); }, "cannot be written");
  expect_error<PathError>([&] { config.save(dir.path() / "file" / "g.json"); }, "cannot be written");
  expect_error<OptionError>([&] { GenerationConfig{.top_k = -9}.save(dir.path()); }, "top_k = -9");
  EXPECT_FALSE(fs::exists(dir.path() / "generation_config.json"));
  EXPECT_FALSE(fs::exists(dir.path() / "generation_config.json.part"));
  expect_error<PathError>([&] { (void)GenerationConfig::load(dir.path()); }, "generation_config.json");
}

TEST(GenerationConfigFile, KwargsGoBeforeFields) {
  const auto config = GenerationConfig::from_json(R"({"generation_kwargs": {"top_k": 3}, "top_k": 7, "top_p": 0.5})");
  EXPECT_EQ(config.to_json(), R"({"top_k":3,"top_p":0.5})");
  EXPECT_EQ(GenerationConfig::from_json(R"({"generation_kwargs": {}})").to_json(), "{}");
  expect_error<OptionError>([] { (void)GenerationConfig::from_json(R"({"generation_kwargs": {"top_kk": 3}})"); },
                            "did you mean top_k?");
  expect_error<OptionError>([] { (void)GenerationConfig::from_json(R"({"generation_kwargs": 3})"); },
                            "must be an object");
}

}  // namespace
}  // namespace skald
