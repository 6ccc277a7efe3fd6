#include "base/partial_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "skald/error.h"

namespace skald {

PartialFile::PartialFile(const std::filesystem::path& path) : path_(path), temporary_(path.native() + ".part") {
  descriptor_ = open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (descriptor_ < 0) fail();
}

PartialFile::~PartialFile() {
  if (descriptor_ >= 0) close(descriptor_);
  if (!finished_) unlink(temporary_.c_str());
}

void PartialFile::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(descriptor_, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail();
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
}

void PartialFile::finish() {
  if (fsync(descriptor_) != 0) fail();
  if (close(std::exchange(descriptor_, -1)) != 0) fail();
  if (std::rename(temporary_.c_str(), path_.c_str()) != 0) fail();
  finished_ = true;
}

void PartialFile::fail() const {
  const int error = errno;
  throw PathError(
      error == EACCES || error == EPERM ? PathError::Kind::permission : PathError::Kind::io,
      ErrorFields{.file = path_.native(), .rule = std::string("cannot be written: ") + std::strerror(error)});
}

}  // namespace skald
