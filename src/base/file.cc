#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "skald/error.h"

namespace skald {
namespace {

namespace fs = std::filesystem;
using Kind = PathError::Kind;

constexpr std::size_t kMaxShownPath = 512;

[[noreturn]] void fail(Kind kind, std::string path, std::string rule) {
  if (path.size() > kMaxShownPath) path = path.substr(0, kMaxShownPath) + "...";
  throw PathError(kind, ErrorFields{.file = std::move(path), .rule = std::move(rule)});
}

[[noreturn]] void fail_missing(const std::string& path) {
  std::error_code error;
  const fs::path target = fs::read_symlink(path, error);
  if (!error)
    fail(Kind::not_found, path, "dangling symbolic link: its target " + quoted(target.native()) + " does not exist");
  fail(Kind::not_found, path, "no such file");
}

[[noreturn]] void fail_system(const std::string& path, int error) {
  switch (error) {
    case ENOENT: fail_missing(path);
    case ENOTDIR: fail(Kind::not_found, path, "no such path: a part of it is a file, not a directory");
    case ELOOP: fail(Kind::not_found, path, "symbolic links loop: this path never reaches a file");
    case ENAMETOOLONG: fail(Kind::not_found, path, "path of " + std::to_string(path.size()) + " bytes is too long");
    case EACCES:
    case EPERM: fail(Kind::permission, path, "permission denied");
    default: fail(Kind::io, path, std::string("cannot be read: ") + std::strerror(error));
  }
}

std::string kind_name(mode_t mode) {
  return S_ISREG(mode)    ? "a file"
         : S_ISFIFO(mode) ? "a FIFO"
         : S_ISSOCK(mode) ? "a socket"
         : S_ISCHR(mode)  ? "a character device"
         : S_ISBLK(mode)  ? "a block device"
                          : "no regular file";
}

void expect_regular(const std::string& path, mode_t mode) {
  if (S_ISREG(mode)) return;
  if (S_ISDIR(mode)) fail(Kind::is_directory, path, "is a directory, a file is needed");
  fail(Kind::not_regular, path, "is " + kind_name(mode) + ", a regular file is needed");
}

void expect_path(const std::string& path) {
  if (path.empty()) fail(Kind::not_found, path, "the path is empty");
  if (path.find('\0') != std::string::npos) fail(Kind::not_found, path, "the path holds a NUL byte");
}

}  // namespace

File::File(const fs::path& path) : path_(path.native()) {
  expect_path(path_);
  struct stat status {};
  // Asked before opening, because opening alone may act on a device; asked again after it, because paths can change.
  if (stat(path_.c_str(), &status) != 0) fail_system(path_, errno);
  expect_regular(path_, status.st_mode);
  descriptor_ = open(path_.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
  if (descriptor_ < 0) fail_system(path_, errno);
  try {
    if (fstat(descriptor_, &status) != 0) fail_system(path_, errno);
    expect_regular(path_, status.st_mode);
  } catch (...) {
    close(descriptor_);
    throw;
  }
  size_ = static_cast<std::uint64_t>(status.st_size);
}

File::File(File&& other) noexcept
    : path_(std::move(other.path_)), size_(other.size_), descriptor_(std::exchange(other.descriptor_, -1)) {}

File& File::operator=(File&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(size_, other.size_);
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

File::~File() {
  if (descriptor_ >= 0) close(descriptor_);
}

void File::read(std::uint64_t offset, std::span<std::byte> out) const {
  constexpr std::size_t kMaxOneRead = std::size_t{1} << 30;  // Linux reads at most 2 GiB - 4 KiB in one call
  while (!out.empty()) {
    const ssize_t n = pread(descriptor_, out.data(), std::min(out.size(), kMaxOneRead), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail_system(path_, errno);
    if (n == 0) {
      throw FormatError(
          ErrorFields{.file = path_,
                      .rule = "file ends at byte " + std::to_string(offset) + ", " + std::to_string(out.size()) +
                              " more bytes are needed: incomplete download, or changed while being read?"});
    }
    offset += static_cast<std::uint64_t>(n);
    out = out.subspan(static_cast<std::size_t>(n));
  }
}

void require_folder(const fs::path& path) {
  const std::string& name = path.native();
  expect_path(name);
  struct stat status {};
  const int error = stat(name.c_str(), &status) == 0 ? 0 : errno;
  std::error_code ignored;
  if (error == ENOENT && !fs::is_symlink(path, ignored)) fail(Kind::not_found, name, "no such file or folder");
  if (error != 0) fail_system(name, error);
  if (!S_ISDIR(status.st_mode))
    fail(Kind::not_regular, name, "is " + kind_name(status.st_mode) + ", a folder is needed");
}

std::string read_text_file(const fs::path& path, std::uint64_t limit) {
  const File file(path);
  if (file.size() > limit) {
    throw LimitError(ErrorFields{.file = file.path(),
                                 .rule = "file of " + std::to_string(file.size()) + " bytes is over the limit of " +
                                         std::to_string(limit) + " bytes"});
  }
  std::string text(file.size(), '\0');
  file.read(0, std::as_writable_bytes(std::span(text)));
  return text;
}

}  // namespace skald
