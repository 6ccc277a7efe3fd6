#include <algorithm>

#include "base/bounded_reader.h"
#include "base/checked.h"
#include "base/file_kind.h"
#include "base/log.h"
#include "formats/safetensors.h"
#include "formats/safetensors_blocks.h"
#include "json/value.h"
#include "skald/error.h"

namespace skald {
namespace {

constexpr std::uint64_t kLengthBytes = 8;
constexpr std::uint64_t kMaxHeader = 100'000'000;  // the format's own limit
constexpr std::uint64_t kMaxNodes = 2U << 20;      // a tensor has about 12: room for 170,000 of them
constexpr std::size_t kMaxName = 65535;

// Turns a header's JSON into tensors. `data_bytes` is what the file really has behind the header.
class HeaderReader {
 public:
  HeaderReader(const File& file, int file_index, std::uint64_t data_start)
      : file_(file), file_index_(file_index), data_start_(data_start), data_bytes_(file.size() - data_start) {}

  std::vector<TensorInfo> read(const json::Value& header) {
    const json::Value* metadata = nullptr;
    for (const json::Member& member : header.as_object()) {
      if (member.key == "__metadata__") {
        check_metadata(member.value);
        metadata = &member.value;
      } else {
        tensors_.push_back(read_tensor(member.key, member.value));
      }
    }
    if (!unknown_key_.empty()) {
      log_notice(LogLevel::warning, file_.path() + ": " + unknown_key_ + " is not known to this version and not used");
    }
    check_layout();
    if (metadata != nullptr) apply_block_metadata(file_.path(), *metadata, tensors_);
    return std::move(tensors_);
  }

 private:
  template <typename E = FormatError>
  [[noreturn]] void fail(const std::string& name, std::string rule) const {
    throw E(ErrorFields{.file = file_.path(), .field = "tensor " + quoted(name), .rule = std::move(rule)});
  }

  void check_metadata(const json::Value& metadata) const {
    const auto refuse = [&](std::string field, const json::Value& value, const char* rule) {
      throw FormatError(
          ErrorFields{.file = file_.path(), .field = std::move(field), .rule = rule + (", got " + value.describe())});
    };
    if (!metadata.is_object()) return refuse("__metadata__", metadata, "must be an object");
    for (const json::Member& member : metadata.as_object()) {
      if (!member.value.is_string()) {
        refuse("__metadata__[" + quoted(member.key) + "]", member.value, "must be a string");
      }
    }
  }

  TensorInfo read_tensor(const std::string& name, const json::Value& entry) {
    if (name.size() > kMaxName) {
      fail<LimitError>(name, "name of " + std::to_string(name.size()) + " bytes, at most " + std::to_string(kMaxName));
    }
    if (!entry.is_object()) fail(name, "must be an object, got " + entry.describe());
    note_unknown_keys(name, entry);
    TensorInfo tensor{
        .name = name, .dtype = read_dtype(name, entry), .shape = read_shape(name, entry), .file = file_index_};
    const auto [begin, end] = read_offsets(name, entry);
    check_size(tensor, end - begin);
    tensor.offset = data_start_ + begin;
    tensor.bytes = end - begin;
    return tensor;
  }

  void note_unknown_keys(const std::string& name, const json::Value& entry) {
    for (const json::Member& member : entry.as_object()) {
      const bool known = member.key == "dtype" || member.key == "shape" || member.key == "data_offsets";
      if (!known && unknown_key_.empty()) unknown_key_ = "key " + quoted(member.key) + " of tensor " + quoted(name);
    }
  }

  const json::Value& need(const std::string& name, const json::Value& entry, const std::string& key) const {
    const json::Value* const value = entry.find(key);
    if (value == nullptr) fail(name, key + " missing");
    return *value;
  }

  DType read_dtype(const std::string& name, const json::Value& entry) const {
    const json::Value& value = need(name, entry, "dtype");
    if (!value.is_string()) fail(name, "dtype must be a string, got " + value.describe());
    const auto dtype = parse_dtype(value.as_string());
    if (!dtype) fail<UnsupportedError>(name, "dtype " + value.describe() + " is unknown; supported: " + dtype_names());
    return *dtype;
  }

  std::vector<std::uint64_t> read_shape(const std::string& name, const json::Value& entry) const {
    return read_counts(name, "shape", need(name, entry, "shape"));
  }

  std::pair<std::uint64_t, std::uint64_t> read_offsets(const std::string& name, const json::Value& entry) const {
    const auto offsets = read_counts(name, "data_offsets", need(name, entry, "data_offsets"));
    if (offsets.size() != 2) fail(name, "data_offsets must be 2 numbers, got " + std::to_string(offsets.size()));
    if (range_within(offsets[0], offsets[1], data_bytes_)) return {offsets[0], offsets[1]};
    std::string rule = "[" + std::to_string(offsets[0]) + "," + std::to_string(offsets[1]) + ") lies outside the " +
                       std::to_string(data_bytes_) + " data bytes";
    const auto promised = checked_add(data_start_, offsets[1]);
    if (offsets[0] <= offsets[1] && promised) {
      rule += ": file ends at byte " + std::to_string(file_.size()) + ", header promises " + std::to_string(*promised) +
              " (incomplete download?)";
    }
    fail(name, std::move(rule));
  }

  std::vector<std::uint64_t> read_counts(const std::string& name, const std::string& key,
                                         const json::Value& value) const {
    if (!value.is_array()) fail(name, key + " must be an array of integers, got " + value.describe());
    std::vector<std::uint64_t> counts;
    counts.reserve(value.as_array().size());
    for (const json::Value& item : value.as_array()) {
      if (!item.is_integer() || item.as_integer() < 0) {
        fail(name,
             key + "[" + std::to_string(counts.size()) + "] must be a non-negative integer, got " + item.describe());
      }
      counts.push_back(static_cast<std::uint64_t>(item.as_integer()));
    }
    return counts;
  }

  void check_size(const TensorInfo& tensor, std::uint64_t given) const {
    const bool empty = std::find(tensor.shape.begin(), tensor.shape.end(), 0U) != tensor.shape.end();
    std::optional<std::uint64_t> bits = static_cast<std::uint64_t>(dtype_bits(tensor.dtype));
    for (const std::uint64_t n : tensor.shape) {
      if (!empty && bits) bits = checked_mul(*bits, n);
    }
    const std::string what = shape_text(tensor.shape) + " " + std::string(dtype_name(tensor.dtype));
    if (!bits) fail(tensor.name, "shape overflows: " + what + " has more than 2^64 bits");
    if (empty) bits = 0;
    if (*bits % 8 != 0) fail(tensor.name, what + " does not fill whole bytes");
    if (*bits / 8 == given) return;
    fail(tensor.name,
         what + " needs " + std::to_string(*bits / 8) + " bytes, data_offsets give " + std::to_string(given));
  }

  // The tensors fill the data from its first byte to its last, each byte once.
  void check_layout() {
    std::sort(tensors_.begin(), tensors_.end(), [](const TensorInfo& a, const TensorInfo& b) {
      return std::pair(a.offset, a.bytes) < std::pair(b.offset, b.bytes);
    });
    std::uint64_t end = data_start_;
    const std::string* last = nullptr;
    for (const TensorInfo& tensor : tensors_) {
      if (tensor.offset < end) fail(tensor.name, "overlaps tensor " + quoted(*last));
      if (tensor.offset > end) {
        fail(tensor.name,
             "gap of " + std::to_string(tensor.offset - end) + " bytes before it, at byte " + std::to_string(end));
      }
      end = tensor.offset + tensor.bytes;
      last = &tensor.name;
    }
    if (end == file_.size()) return;
    throw FormatError(
        ErrorFields{.file = file_.path(),
                    .offset = end,
                    .rule = std::to_string(file_.size() - end) + " trailing bytes after the last tensor"});
  }

  const File& file_;
  int file_index_;
  std::uint64_t data_start_;
  std::uint64_t data_bytes_;
  std::vector<TensorInfo> tensors_;
  std::string unknown_key_;
};

[[noreturn]] void fail(const File& file, std::uint64_t offset, std::string rule) {
  throw FormatError(ErrorFields{.file = file.path(), .offset = offset, .rule = std::move(rule)});
}

// A renamed file is named for what it is, before its first bytes are taken for a length.
void refuse_other_formats(const File& file) {
  std::string head(std::min<std::uint64_t>(file.size(), kFileKindBytes), '\0');
  file.read(0, std::as_writable_bytes(std::span(head)));
  const std::string_view kind = recognize_file_kind(head);
  if (kind.empty()) return;
  throw FormatError(ErrorFields{
      .file = file.path(),
      .rule = "not safetensors: this is " + std::string(kind) + " (" + std::to_string(file.size()) + " bytes)"});
}

std::string read_header_text(const File& file) {
  refuse_other_formats(file);
  if (file.size() < kLengthBytes) {
    fail(file, 0, "file too small: " + std::to_string(file.size()) + " bytes, need " + std::to_string(kLengthBytes));
  }
  std::array<std::byte, kLengthBytes> length_bytes{};
  file.read(0, length_bytes);
  const auto length = BoundedReader(file.path(), length_bytes).read<std::uint64_t>("header length");
  if (length > kMaxHeader) fail(file, 0, "header length " + std::to_string(length) + " exceeds 100 MB");
  if (length < 2) fail(file, 0, "header length " + std::to_string(length) + " is too small for a header");
  if (length > file.size() - kLengthBytes) {
    fail(file, 0,
         "header truncated: says " + std::to_string(length) + " bytes, file has " +
             std::to_string(file.size() - kLengthBytes) + " (incomplete download?)");
  }
  std::string text(length, '\0');
  file.read(kLengthBytes, std::as_writable_bytes(std::span(text)));
  if (text[0] != '{') fail(file, kLengthBytes, "header must begin with '{', got " + quoted(text.substr(0, 16)));
  return text;
}

}  // namespace

std::vector<TensorInfo> read_safetensors_header(const File& file, int file_index) {
  const std::string text = read_header_text(file);
  const json::Value header = json::parse_at(text, file.path(), kLengthBytes, {.bytes = kMaxHeader, .nodes = kMaxNodes});
  const std::size_t end = text.find_last_not_of(' ');
  if (text[end] != '}') fail(file, kLengthBytes + end, "only spaces may follow the header's '}'");
  return HeaderReader(file, file_index, kLengthBytes + text.size()).read(header);
}

}  // namespace skald
