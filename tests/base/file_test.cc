#include "base/file.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <filesystem>

#include "skald/error.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace skald {
namespace {

namespace fs = std::filesystem;

void expect_path_error(const fs::path& path, PathError::Kind kind, std::string_view part) {
  try {
    const File file(path);
    ADD_FAILURE() << "opened " << path;
  } catch (const PathError& error) {
    EXPECT_EQ(error.kind(), kind) << error.what();
    EXPECT_NE(std::string_view(error.what()).find(part), std::string_view::npos) << error.what();
    for (const char* c = error.what(); *c != 0; ++c) EXPECT_GE(static_cast<unsigned char>(*c), 0x20) << error.what();
  }
}

TEST(File, ReadsByPosition) {
  const test::TempDir dir;
  const File file(dir.write("a.bin", "0123456789"));
  EXPECT_EQ(file.size(), 10U);
  std::array<char, 4> out{};
  file.read(3, std::as_writable_bytes(std::span(out)));
  EXPECT_EQ(std::string_view(out.data(), 4), "3456");
  EXPECT_EQ(read_text_file(file.path(), 10), "0123456789");
}

TEST(File, RefusesWhatIsNoRegularFile) {
  using Kind = PathError::Kind;
  const test::TempDir dir;
  const fs::path d = dir.path();
  expect_path_error(d / "missing", Kind::not_found, "missing: no such file");
  expect_path_error("", Kind::not_found, "the path is empty");
  expect_path_error(d, Kind::is_directory, "is a directory");
  expect_path_error("/dev/zero", Kind::not_regular, "/dev/zero: is a character device");
  expect_path_error("/dev/random", Kind::not_regular, "is a character device");
  ASSERT_EQ(mkfifo((d / "fifo").c_str(), 0600), 0);
  expect_path_error(d / "fifo", Kind::not_regular, "is a FIFO");
  const int socket_fd = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  (d / "sock").string().copy(address.sun_path, sizeof(address.sun_path) - 1);
  ASSERT_EQ(bind(socket_fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  expect_path_error(d / "sock", Kind::not_regular, "is a socket");
  close(socket_fd);
}

TEST(File, RefusesPathsThatLeadNowhere) {
  using Kind = PathError::Kind;
  const test::TempDir dir;
  const fs::path d = dir.path();
  fs::create_symlink("gone", d / "dangling");
  expect_path_error(d / "dangling", Kind::not_found, "dangling symbolic link: its target 'gone' does not exist");
  fs::create_symlink("loop", d / "loop");
  expect_path_error(d / "loop", Kind::not_found, "symbolic links loop");
  expect_path_error(fs::path(dir.write("file", "x")) / "below", Kind::not_found, "is a file, not a directory");
  expect_path_error(std::string(5000, 'a'), Kind::not_found, "path of 5000 bytes is too long");
  expect_path_error(std::string("a\0b", 3), Kind::not_found, "holds a NUL byte");
  expect_path_error(d / "no\xff\nname", Kind::not_found, "no\\xff\\x0aname: no such file");
}

TEST(File, AFolderIsToldFromEverythingElse) {
  const test::TempDir dir;
  const fs::path d = dir.path();
  EXPECT_NO_THROW(require_folder(d));
  const auto expect = [](const fs::path& path, const std::string& part) {
    test::expect_error<PathError>([&] { require_folder(path); }, part);
  };
  expect(d / "missing", "missing: no such file or folder");
  expect(dir.write("file", "x"), "file: is a file, a folder is needed");
  expect("/dev/null", "is a character device, a folder is needed");
  expect("", "the path is empty");
  fs::create_symlink("gone", d / "dangling");
  expect(d / "dangling", "dangling symbolic link");
}

/// Root may read everything: while this lives, root acts as a user without rights.
class WithoutRoot {
 public:
  WithoutRoot() : was_root_(geteuid() == 0), done_(!was_root_ || seteuid(kNobody) == 0) {}
  ~WithoutRoot() {
    if (was_root_ && done_) {
      EXPECT_EQ(seteuid(0), 0);
    }
  }
  WithoutRoot(const WithoutRoot&) = delete;
  WithoutRoot& operator=(const WithoutRoot&) = delete;
  [[nodiscard]] bool done() const { return done_; }

 private:
  static constexpr uid_t kNobody = 65534;
  bool was_root_, done_;
};

TEST(File, RefusesWhatItMayNotRead) {
  const test::TempDir dir;
  ASSERT_EQ(chmod(dir.path().c_str(), 0755), 0);
  const std::string path = dir.write("secret", "x");
  ASSERT_EQ(chmod(path.c_str(), 0), 0);
  const WithoutRoot without_root;
  if (!without_root.done()) GTEST_SKIP() << "root cannot give its rights up here";
  expect_path_error(path, PathError::Kind::permission, "permission denied");
}

TEST(File, SaysWhereAShrunkFileEnds) {
  const test::TempDir dir;
  const File file(dir.write("a.bin", "0123456789"));
  ASSERT_EQ(truncate(file.path().c_str(), 4), 0);
  std::array<std::byte, 8> out{};
  test::expect_error<FormatError>([&] { file.read(0, out); }, "file ends at byte 4, 4 more bytes are needed");
  test::expect_error<FormatError>([&] { file.read(100, out); }, "file ends");
}

TEST(File, LimitsTextFiles) {
  const test::TempDir dir;
  const std::string path = dir.write("a.txt", "0123456789");
  test::expect_error<LimitError>([&] { read_text_file(path, 9); }, "file of 10 bytes is over the limit of 9 bytes");
  EXPECT_EQ(read_text_file(dir.write("empty", ""), 0), "");
}

}  // namespace
}  // namespace skald
