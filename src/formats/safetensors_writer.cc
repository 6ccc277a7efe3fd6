#include "formats/safetensors_writer.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/checked.h"
#include "json/value.h"
#include "skald/error.h"

namespace skald {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kPiece = std::size_t{8} << 20;

std::uint64_t stored_bytes(const TensorSpec& tensor) {
  std::optional<std::uint64_t> bits = static_cast<std::uint64_t>(dtype_bits(tensor.dtype));
  for (const std::uint64_t n : tensor.shape) {
    if (bits) bits = checked_mul(*bits, n);
  }
  if (bits && *bits % 8 == 0) return *bits / 8;
  throw LimitError(
      ErrorFields{.field = "tensor " + quoted(tensor.name), .rule = "shape overflows or fills no whole bytes"});
}

std::string make_header(std::span<const TensorSpec> tensors, const std::map<std::string, std::string>& metadata) {
  json::Object header;
  if (!metadata.empty()) {
    json::Object entries;
    for (const auto& [key, value] : metadata) entries.push_back({key, value});
    header.push_back({"__metadata__", json::Value(std::move(entries))});
  }
  std::uint64_t end = 0;
  const auto number = [](std::uint64_t n) { return json::Value(static_cast<std::int64_t>(n)); };
  for (const TensorSpec& tensor : tensors) {
    json::Array shape;
    for (const std::uint64_t n : tensor.shape) shape.push_back(number(n));
    const std::uint64_t begin = end;
    end += stored_bytes(tensor);
    header.push_back({tensor.name, json::Object{{"dtype", std::string(dtype_name(tensor.dtype))},
                                                {"shape", std::move(shape)},
                                                {"data_offsets", json::Array{number(begin), number(end)}}}});
  }
  std::string text = json::dump(json::Value(std::move(header)));
  text.resize((text.size() + 7) / 8 * 8, ' ');  // the data begins at a multiple of 8
  return text;
}

// A file that is being written under a temporary name; it is removed unless it is finished.
class PartialFile {
 public:
  explicit PartialFile(const fs::path& path) : path_(path), temporary_(path.native() + ".part") {
    descriptor_ = open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (descriptor_ < 0) fail();
  }
  PartialFile(const PartialFile&) = delete;
  PartialFile& operator=(const PartialFile&) = delete;
  ~PartialFile() {
    if (descriptor_ >= 0) close(descriptor_);
    if (!finished_) unlink(temporary_.c_str());
  }

  void write(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::write(descriptor_, bytes.data(), bytes.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) fail();
      bytes = bytes.subspan(static_cast<std::size_t>(n));
    }
  }

  void finish() {
    if (fsync(descriptor_) != 0) fail();
    if (close(std::exchange(descriptor_, -1)) != 0) fail();
    if (std::rename(temporary_.c_str(), path_.c_str()) != 0) fail();
    finished_ = true;
  }

 private:
  [[noreturn]] void fail() const {
    const int error = errno;
    throw PathError(
        error == EACCES || error == EPERM ? PathError::Kind::permission : PathError::Kind::io,
        ErrorFields{.file = path_.native(), .rule = std::string("cannot be written: ") + std::strerror(error)});
  }

  fs::path path_;
  std::string temporary_;
  int descriptor_ = -1;
  bool finished_ = false;
};

}  // namespace

void write_safetensors(const fs::path& path, std::span<const TensorSpec> tensors, TensorFill fill,
                       const std::map<std::string, std::string>& metadata) {
  const std::string header = make_header(tensors, metadata);
  const std::uint64_t length = header.size();
  PartialFile file(path);
  file.write(std::as_bytes(std::span(&length, 1)));
  file.write(std::as_bytes(std::span(header)));
  std::vector<std::byte> piece(kPiece);
  for (const TensorSpec& tensor : tensors) {
    const std::uint64_t bytes = stored_bytes(tensor);
    for (std::uint64_t begin = 0; begin < bytes; begin += kPiece) {
      const auto part =
          std::span(piece).first(static_cast<std::size_t>(std::min<std::uint64_t>(kPiece, bytes - begin)));
      fill(tensor, begin, part);
      file.write(part);
    }
  }
  file.finish();
}

}  // namespace skald
