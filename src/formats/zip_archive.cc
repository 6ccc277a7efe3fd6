#include "formats/zip_archive.h"

#include <algorithm>
#include <filesystem>

#include "base/bounded_reader.h"
#include "base/checked.h"
#include "base/file_kind.h"
#include "base/utf8.h"
#include "skald/error.h"

namespace skald {
namespace {

constexpr std::uint32_t kLocalMagic = 0x04034b50;
constexpr std::uint32_t kCentralMagic = 0x02014b50;
constexpr std::uint32_t kEndMagic = 0x06054b50;
constexpr std::uint32_t kEnd64Magic = 0x06064b50;
constexpr std::uint32_t kLocatorMagic = 0x07064b50;
constexpr std::uint64_t kLocalBytes = 30;
constexpr std::uint64_t kCentralBytes = 46;
constexpr std::uint64_t kEndBytes = 22;
constexpr std::uint64_t kEnd64Bytes = 56;
constexpr std::uint64_t kLocatorBytes = 20;
constexpr std::uint64_t kMaxDirectory = std::uint64_t{64} << 20;
constexpr std::uint32_t kIn64 = 0xffffffff;  // the number stands in the zip64 field
constexpr std::uint16_t kZip64Field = 1;
constexpr std::uint16_t kEncrypted = 1;
constexpr std::uint16_t kDescriptor = 1 << 3;  // sum and sizes follow the data: the local header may have zeros
constexpr std::uint16_t kUtf8 = 1 << 11;
constexpr std::uint32_t kFolder = 1 << 4;

// What both headers of a member say.
struct Header {
  std::uint16_t flags = 0, method = 0;
  bool folder = false;
  std::uint32_t sum = 0;
  std::uint64_t stored = 0, bytes = 0;  // compressed and not
};

class DirectoryReader {
 public:
  explicit DirectoryReader(const File& file) : file_(file) {}

  std::vector<ZipMember> read() {
    find_directory();
    read_members();
    refuse_overlaps();
    sort_by_name();
    return std::move(members_);
  }

 private:
  struct Extent {
    std::uint64_t begin, end;  // from the local header to the end of the data
    std::size_t member;
  };

  [[noreturn]] void fail(std::string field, std::string rule, std::optional<std::uint64_t> offset = {}) const {
    throw FormatError({.file = file_.path(),
                       .offset = offset,
                       .field = std::move(field),
                       .rule = "not a consistent ZIP archive: " + std::move(rule)});
  }

  [[nodiscard]] BoundedReader reader(std::uint64_t offset, std::uint64_t n) {
    if (!checked_add(offset, n) || offset + n > file_.size()) fail({}, "a record lies outside of the file", offset);
    buffer_.resize(n);
    file_.read(offset, buffer_);
    return {file_.path(), buffer_, offset};
  }

  // The end record must be the last of the file, and the directory lie right before it.
  void find_directory() {
    if (file_.size() < kEndBytes)
      fail({}, "file too small: " + std::to_string(file_.size()) + " bytes, an archive has 22 at least");
    std::uint64_t end = file_.size() - kEndBytes;
    BoundedReader in = reader(end, kEndBytes);
    if (in.read<std::uint32_t>("end record") != kEndMagic) {
      fail({}, "the directory at the end of the file is missing (incomplete download?)", end);
    }
    const auto disk = in.read<std::uint16_t>("disk");
    const auto first_disk = in.read<std::uint16_t>("disk");
    const auto entries_here = in.read<std::uint16_t>("entries");
    count_ = in.read<std::uint16_t>("entries");
    size_ = in.read<std::uint32_t>("directory size");
    offset_ = in.read<std::uint32_t>("directory offset");
    if (in.read<std::uint16_t>("comment") != 0) fail({}, "bytes of a comment are promised after the end", end);
    if (disk != 0 || first_disk != 0 || entries_here != count_) fail({}, "it is one part of several", end);
    if (end >= kLocatorBytes + kEnd64Bytes) read_end64(end);
    if (!checked_add(offset_, size_) || offset_ + size_ != end) {
      fail({}, "the directory of " + std::to_string(size_) + " bytes at byte " + std::to_string(offset_) +
                   " must end at byte " + std::to_string(end));
    }
  }

  // Where there is a zip64 end record, its numbers count; `end` becomes its place.
  void read_end64(std::uint64_t& end) {
    const std::uint64_t locator = end - kLocatorBytes;
    BoundedReader in = reader(locator, kLocatorBytes);
    if (in.read<std::uint32_t>("zip64 locator") != kLocatorMagic) return;
    in.read<std::uint32_t>("disk");
    const auto place = in.read<std::uint64_t>("zip64 end record");
    if (place != locator - kEnd64Bytes) fail({}, "the zip64 end record must lie before its locator", locator);
    BoundedReader record = reader(place, kEnd64Bytes);
    if (record.read<std::uint32_t>("zip64 end record") != kEnd64Magic) fail({}, "no zip64 end record", place);
    record.take(8 + 2 + 2 + 4 + 4 + 8, "zip64 end record");
    const auto count = record.read<std::uint64_t>("entries");
    const auto size = record.read<std::uint64_t>("directory size");
    const auto offset = record.read<std::uint64_t>("directory offset");
    const bool agree = (count_ == 0xffff || count_ == count) && (size_ == kIn64 || size_ == size) &&
                       (offset_ == kIn64 || offset_ == offset);
    if (!agree) fail({}, "the two end records differ", place);
    count_ = count, size_ = size, offset_ = offset, end = place;
  }

  void read_members() {
    if (size_ > kMaxDirectory) {
      throw LimitError({.file = file_.path(),
                        .field = "directory size",
                        .value = std::to_string(size_),
                        .rule = "at most " + std::to_string(kMaxDirectory) + " bytes are read"});
    }
    std::vector<std::byte> directory(size_);
    file_.read(offset_, directory);
    BoundedReader in(file_.path(), directory, offset_);
    in.expect_room(count_, kCentralBytes, "entries");
    for (std::uint64_t i = 0; i < count_; ++i) read_member(in);
    if (in.remaining() != 0) fail({}, "its directory holds more than its " + std::to_string(count_) + " entries");
  }

  void read_member(BoundedReader& in) {
    if (in.read<std::uint32_t>("entry") != kCentralMagic) in.fail("entry", {}, "no entry of a directory stands here");
    in.take(4, "version");
    Header header = read_header(in);
    const auto name_bytes = in.read<std::uint16_t>("name");
    const auto extra_bytes = in.read<std::uint16_t>("extra");
    const auto comment_bytes = in.read<std::uint16_t>("comment");
    in.take(2 + 2, "attributes");
    header.folder = (in.read<std::uint32_t>("attributes") & kFolder) != 0;
    std::uint64_t place = in.read<std::uint32_t>("local header");
    ZipMember member{.name = std::string(in.take_text(name_bytes, "name"))};
    const std::string field = "member " + skald::quoted(member.name);
    const auto extra = in.take(extra_bytes, field);
    read_zip64(BoundedReader(file_.path(), extra, in.offset() - extra_bytes), header, &place);
    in.take(comment_bytes, field);
    check_name(member.name, field);
    check_header(header, field);
    member.offset = find_data(header, member.name, place, field);
    member.bytes = header.bytes;
    member.sum = header.sum;
    extents_.push_back({place, member.offset + member.bytes, members_.size()});
    members_.push_back(std::move(member));
  }

  static Header read_header(BoundedReader& in) {
    Header header;
    header.flags = in.read<std::uint16_t>("flags");
    header.method = in.read<std::uint16_t>("method");
    in.take(4, "time");
    header.sum = in.read<std::uint32_t>("sum");
    header.stored = in.read<std::uint32_t>("size");
    header.bytes = in.read<std::uint32_t>("size");
    return header;
  }

  // Numbers of 64 bits, in this order, of those that do not fit 32.
  static void read_zip64(BoundedReader extra, Header& header, std::uint64_t* place) {
    while (extra.remaining() >= 4) {
      const auto id = extra.read<std::uint16_t>("extra");
      const auto bytes = extra.read<std::uint16_t>("extra");
      if (id != kZip64Field) {
        if (bytes > extra.remaining()) return;  // padding need not be made of fields
        extra.take(bytes, "extra");
        continue;
      }
      for (std::uint64_t* number : {&header.bytes, &header.stored, place}) {
        if (number != nullptr && *number == kIn64) *number = extra.read<std::uint64_t>("zip64 field");
      }
      return;
    }
  }

  void check_name(const std::string& name, const std::string& field) const {
    if (name.empty()) fail(field, "a member without a name");
    if (first_invalid_utf8(name) != name.size() || name.find('\0') != std::string::npos) fail(field, "is not UTF-8");
    const bool leads_out = name[0] == '/' || name.find('\\') != std::string::npos || name.find(':') < 2 ||
                           ("/" + name + "/").find("/../") != std::string::npos;
    if (leads_out) fail(field, "the name leads out of the archive");
  }

  void check_header(const Header& header, const std::string& field) const {
    if ((header.flags & kEncrypted) != 0) refuse(field, "is encrypted");
    if ((header.flags & ~(kDescriptor | kUtf8)) != 0) {
      refuse(field, "has flags " + std::to_string(header.flags) + " that torch.save never sets");
    }
    if (header.method != 0) {
      refuse(field, "is compressed (method " + std::to_string(header.method) +
                        "): compressed members are not allowed, torch.save stores them");
    }
    if (header.stored != header.bytes) fail(field, "is stored, but has two sizes");
    if (header.folder && header.bytes > 0) fail(field, "is marked as a folder, but has data");
  }

  [[noreturn]] void refuse(const std::string& field, std::string rule) const {
    throw UnsupportedError({.file = file_.path(), .field = field, .rule = std::move(rule)});
  }

  // The place of the data, after a local header that agrees with the directory.
  std::uint64_t find_data(const Header& central, const std::string& name, std::uint64_t place,
                          const std::string& field) {
    const std::uint64_t head = kLocalBytes + name.size();
    if (!checked_add(place, head) || place + head > offset_) fail(field, "its local header lies outside", place);
    BoundedReader in = reader(place, head);
    if (in.read<std::uint32_t>(field) != kLocalMagic) fail(field, "no local header stands at its place", place);
    in.take(2, field);
    Header local = read_header(in);
    const auto name_bytes = in.read<std::uint16_t>(field);
    const auto extra_bytes = in.read<std::uint16_t>(field);
    if (name_bytes != name.size() || in.take_text(name_bytes, field) != name) {
      fail(field, "its local header has another name", place);
    }
    const std::uint64_t data = place + head + extra_bytes;
    if (data > offset_ || central.bytes > offset_ - data) {
      fail(field, std::to_string(central.bytes) + " bytes at byte " + std::to_string(data) +
                      " lie outside of the data, which ends at byte " + std::to_string(offset_));
    }
    read_zip64(reader(place + head, extra_bytes), local, nullptr);
    const bool later = (local.flags & kDescriptor) != 0 && local.sum == 0 && local.stored == 0 && local.bytes == 0;
    const bool agrees =
        local.flags == central.flags && local.method == central.method &&
        (later || (local.sum == central.sum && local.stored == central.stored && local.bytes == central.bytes));
    if (!agrees) fail(field, "its local header says otherwise than the directory", place);
    return data;
  }

  void refuse_overlaps() {
    std::ranges::sort(extents_, {}, &Extent::begin);
    for (std::size_t i = 1; i < extents_.size(); ++i) {
      if (extents_[i - 1].end <= extents_[i].begin) continue;
      fail("member " + skald::quoted(members_[extents_[i].member].name),
           "overlaps member " + skald::quoted(members_[extents_[i - 1].member].name));
    }
  }

  void sort_by_name() {
    std::ranges::sort(members_, {}, &ZipMember::name);
    const auto twice = std::ranges::adjacent_find(members_, {}, &ZipMember::name);
    if (twice != members_.end()) fail("member " + skald::quoted(twice->name), "is there twice");
  }

  const File& file_;
  std::vector<std::byte> buffer_;  // of the record that is read
  std::uint64_t count_ = 0, size_ = 0, offset_ = 0;
  std::vector<ZipMember> members_;
  std::vector<Extent> extents_;
};

}  // namespace

ZipArchive::ZipArchive(const File& file) : members_(DirectoryReader(file).read()) {}

const ZipMember* ZipArchive::find(std::string_view name) const {
  const auto at =
      std::ranges::lower_bound(members_, name, {}, [](const ZipMember& m) { return std::string_view(m.name); });
  return at != members_.end() && at->name == name ? &*at : nullptr;
}

bool ZipArchive::has_sums() const {
  return std::ranges::any_of(members_, [](const ZipMember& m) { return m.sum != 0; });
}

bool is_zip_file(const std::string& path) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored)) return false;
  const File file(path);
  if (file.size() < 4) return false;
  std::string head(4, '\0');
  file.read(0, std::as_writable_bytes(std::span(head)));
  return head == "PK\x03\x04" || head == "PK\x05\x06";
}

}  // namespace skald
