#include "skald/hub.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "skald/error.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace skald {
namespace {

class Hub : public testing::Test {
 protected:
  void SetUp() override { setenv("HF_HUB_CACHE", dir_.path().c_str(), 1); }
  void TearDown() override { unsetenv("HF_HUB_CACHE"); }

  test::TempDir dir_;
};

TEST_F(Hub, APathIsItsOwnAnswer) {
  EXPECT_EQ(find_model(dir_.path().string()), dir_.path().string());
  for (const char* path : {"/nowhere/at/all", "./x", "../x", "name", "", "a/b/c", "a/../b", ".a/b", "a/b@../c"}) {
    EXPECT_EQ(find_model(path), path);  // what reads it says what is wrong with it
  }
}

TEST_F(Hub, FindsSnapshotsInTheCache) {
  const auto repository = dir_.path() / "models--org--tiny-model.v1";
  (void)dir_.write("models--org--tiny-model.v1/refs/main", "abc123\n");
  (void)dir_.write("models--org--tiny-model.v1/snapshots/abc123/config.json", "{}");
  (void)dir_.write("models--org--tiny-model.v1/snapshots/def456/config.json", "{}");
  EXPECT_EQ(find_model("org/tiny-model.v1"), (repository / "snapshots/abc123").string());
  EXPECT_EQ(find_model("org/tiny-model.v1@main"), (repository / "snapshots/abc123").string());
  EXPECT_EQ(find_model("org/tiny-model.v1@def456"), (repository / "snapshots/def456").string());
  test::expect_error<PathError>([] { find_model("org/tiny-model.v1@other"); }, "not in the Hugging Face cache");
}

TEST_F(Hub, SaysHowToGetWhatIsMissing) {
  test::expect_error<PathError>([] { find_model("org/model"); },
                                "org/model: no such folder, and not in the Hugging Face");
  test::expect_error<PathError>([] { find_model("org/model"); }, "fetch it with skald pull org/model");
}

TEST_F(Hub, AReferenceCannotLeaveTheCache) {
  (void)dir_.write("outside/config.json", "{}");
  (void)dir_.write("models--org--model/refs/main", "../../outside");
  std::filesystem::create_directories(dir_.path() / "models--org--model/snapshots");
  test::expect_error<PathError>([] { find_model("org/model"); }, "not in the Hugging Face cache");
}

}  // namespace
}  // namespace skald
