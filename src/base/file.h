// Regular files, opened with every check that a path from a person needs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace skald {

/// A regular file open for reading. Reading is by position, so that threads share one File.
class File {
 public:
  /// Throws PathError for a path that is missing, a directory, a FIFO or device (never waited for), not permitted, a
  /// looping link, over-long, or holds NUL; the message names the path and what it is.
  explicit File(const std::filesystem::path& path);
  File(File&& other) noexcept;
  File& operator=(File&& other) noexcept;
  ~File();

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::uint64_t size() const { return size_; }

  /// Fills `out` from `offset`. Throws FormatError ("file ends at byte N") where the file is shorter, also if it shrank
  /// after opening.
  void read(std::uint64_t offset, std::span<std::byte> out) const;

 private:
  std::string path_;
  std::uint64_t size_ = 0;
  int descriptor_ = -1;
};

/// Throws PathError unless `path` is a folder; the message names the path and what it is.
void require_folder(const std::filesystem::path& path);

/// The whole of a text file of at most `limit` bytes (LimitError above). No check for UTF-8.
std::string read_text_file(const std::filesystem::path& path, std::uint64_t limit);

}  // namespace skald
