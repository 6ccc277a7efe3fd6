// ZIP archives as torch.save writes them: members that are stored, not compressed. PKWARE's APPNOTE.TXT, 4.3.
//
//   for each member: [local header][name][extra: pads the data to 64 bytes][data][data descriptor]
//   [central directory: for each member its place, size and sum][zip64 end record and locator][end record]
//
// The central directory is the truth; what the local headers say must agree with it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"

namespace skald {

struct ZipMember {
  std::string name;
  std::uint64_t offset = 0;  // of its data in the file
  std::uint64_t bytes = 0;
  std::uint32_t sum = 0;  // CRC-32
};

class ZipArchive {
 public:
  /// Reads the directory of `file` and every local header. Throws FormatError where they disagree, members overlap, lie
  /// outside or have one name, or a name leads out of a folder; UnsupportedError for members that are compressed or
  /// encrypted; LimitError for a directory of more than 64 MiB. No data is read.
  explicit ZipArchive(const File& file);

  /// Ascending by name.
  [[nodiscard]] std::span<const ZipMember> members() const { return members_; }
  /// nullptr where there is none.
  [[nodiscard]] const ZipMember* find(std::string_view name) const;
  /// Whether sums were written: torch can leave them out, all of them.
  [[nodiscard]] bool has_sums() const;

 private:
  std::vector<ZipMember> members_;
};

/// Whether `path` is a regular file that begins as ZIP archives do.
bool is_zip_file(const std::string& path);

}  // namespace skald
