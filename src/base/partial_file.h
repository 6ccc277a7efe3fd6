// Writing a file so that it is whole or not there.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>

namespace skald {

/// A file that is being written under a temporary name beside `path`; it is removed unless it is finished. Throws
/// PathError naming `path`.
class PartialFile {
 public:
  explicit PartialFile(const std::filesystem::path& path);
  PartialFile(const PartialFile&) = delete;
  PartialFile& operator=(const PartialFile&) = delete;
  ~PartialFile();

  void write(std::span<const std::byte> bytes);
  /// Brings it to the disk and to its name.
  void finish();

 private:
  [[noreturn]] void fail() const;

  std::filesystem::path path_;
  std::string temporary_;
  int descriptor_ = -1;
  bool finished_ = false;
};

}  // namespace skald
