#include "formats/gguf.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <utility>

#include "base/bounded_reader.h"
#include "base/checked.h"
#include "base/file_kind.h"
#include "base/log.h"
#include "base/utf8.h"
#include "formats/gguf_split.h"
#include "skald/error.h"

namespace skald {
namespace {

constexpr std::string_view kMagic = "GGUF";
constexpr std::uint64_t kMaxKey = 65535;
constexpr std::uint64_t kMaxName = 64;
constexpr std::uint64_t kMaxString = std::uint64_t{1} << 30;
constexpr std::uint64_t kMaxEntries = std::uint64_t{1} << 20;  // keys, and tensors
constexpr std::uint64_t kMaxItems = std::uint64_t{1} << 24;    // of all arrays together
constexpr std::uint32_t kMaxDims = 4;
constexpr std::uint64_t kMaxAlignment = std::uint64_t{64} << 10;
constexpr std::uint64_t kMinEntryBytes = 8 + 1 + 4 + 1;
constexpr std::uint64_t kMinTensorBytes = 8 + 1 + 4 + 4 + 8;

class GgufSource final : public GgufFile {
 public:
  // `metadata` ascends by key, `tensors` by name.
  GgufSource(File file, std::vector<GgufEntry> metadata, std::vector<TensorInfo> tensors)
      : file_(std::move(file)), metadata_(std::move(metadata)), tensors_(std::move(tensors)) {}

  std::span<const TensorInfo> tensors() const override { return tensors_; }
  std::span<const GgufEntry> metadata() const override { return metadata_; }
  const std::string& path() const override { return file_.path(); }
  const std::string& file_of(const TensorInfo& /*tensor*/) const override { return file_.path(); }
  std::string describe() const override { return std::filesystem::path(file_.path()).filename().native(); }

  void read(const TensorInfo& tensor, std::uint64_t begin, std::span<std::byte> out) const override {
    if (begin > tensor.bytes || out.size() > tensor.bytes - begin) {
      throw UsageError("read of " + std::to_string(out.size()) + " bytes from byte " + std::to_string(begin) +
                       " on goes beyond tensor " + quoted(tensor.name));
    }
    file_.read(tensor.offset + begin, out);
  }

 private:
  File file_;
  std::vector<GgufEntry> metadata_;
  std::vector<TensorInfo> tensors_;
};

// A tensor as the header has it, by its place among the others.
struct NumberedTensor {
  TensorInfo info;
  std::uint64_t number = 0;
};

class HeaderReader {
 public:
  explicit HeaderReader(File file) : file_(std::move(file)), in_(file_) {}

  std::unique_ptr<GgufFile> read() {
    read_magic();
    const auto n_tensors = read_count("n_tensors", kMinTensorBytes);
    const auto n_entries = read_count("n_kv", kMinEntryBytes);
    for (std::uint64_t i = 0; i < n_entries; ++i) read_entry(i);
    sort_entries();
    read_alignment();
    for (std::uint64_t i = 0; i < n_tensors; ++i) read_tensor(i);
    place_tensors();
    std::vector<TensorInfo> tensors;
    for (NumberedTensor& tensor : sort_by_name()) tensors.push_back(std::move(tensor.info));
    return std::make_unique<GgufSource>(std::move(file_), std::move(entries_), std::move(tensors));
  }

 private:
  [[noreturn]] void fail(std::string field, std::string value, std::string rule) const {
    throw FormatError(
        {.file = file_.path(), .field = std::move(field), .value = std::move(value), .rule = std::move(rule)});
  }

  void read_magic() {
    if (file_.size() < kMagic.size() + 4) {
      fail({}, {}, "file too small: " + std::to_string(file_.size()) + " bytes, a GGUF file has 24 at least");
    }
    const std::string magic(in_.take_text(kMagic.size(), "magic"));
    if (magic != kMagic) refuse_magic(magic);
    const auto version = in_.read<std::uint32_t>("version");
    if (version == 2 || version == 3) return;
    const std::uint32_t swapped = __builtin_bswap32(version);
    throw UnsupportedError({.file = file_.path(),
                            .offset = kMagic.size(),
                            .field = "version",
                            .value = std::to_string(version),
                            .rule = swapped >= 1 && swapped <= 3 ? "is big-endian: convert the file to little-endian"
                                                                 : "versions 2 and 3 are read"});
  }

  [[noreturn]] void refuse_magic(const std::string& magic) const {
    if (magic == "GGML" || magic == "lmgg" || magic == "tjgg" || magic == "fmgg" || magic == "GGJT") {
      throw UnsupportedError({.file = file_.path(), .rule = "is of a format before GGUF: convert it with llama.cpp"});
    }
    std::string head(std::min<std::uint64_t>(file_.size(), kFileKindBytes), '\0');
    file_.read(0, std::as_writable_bytes(std::span(head)));
    const std::string_view kind = recognize_file_kind(head);
    fail({}, {}, "not GGUF: " + (kind.empty() ? "begins with " + quoted(magic) : "this is " + std::string(kind)));
  }

  std::uint64_t read_count(std::string_view field, std::uint64_t min_bytes) {
    const auto count = in_.read<std::uint64_t>(field);
    in_.expect_room(count, min_bytes, field);
    if (count <= kMaxEntries) return count;
    throw LimitError({.file = file_.path(),
                      .field = std::string(field),
                      .value = std::to_string(count),
                      .rule = "at most " + std::to_string(kMaxEntries) + " are read"});
  }

  // A name of 1 to `most` bytes of UTF-8 without NUL.
  std::string read_name(const std::string& field, std::uint64_t most) {
    const auto length = in_.read<std::uint64_t>(field);
    if (length == 0 || length > most) {
      in_.fail(field, {}, "length " + std::to_string(length) + ": must be 1 to " + std::to_string(most) + " bytes");
    }
    std::string name(in_.take_text(length, field));
    if (first_invalid_utf8(name) != name.size()) in_.fail(field, skald::quoted(name), "is not UTF-8");
    if (name.find('\0') != std::string::npos) in_.fail(field, skald::quoted(name), "holds a NUL");
    return name;
  }

  void read_entry(std::uint64_t number) {
    GgufEntry entry;
    entry.key = read_name("key #" + std::to_string(number), kMaxKey);
    field_ = "key " + skald::quoted(entry.key);
    entry.type = read_type();
    entry.value = entry.type == GgufType::array ? GgufValue(read_array()) : read_value(entry.type);
    entries_.push_back(std::move(entry));
  }

  GgufType read_type() {
    const auto id = in_.read<std::uint32_t>(field_);
    const std::optional<GgufType> type = gguf_type(id);
    if (!type) in_.fail(field_, {}, "unknown value type " + std::to_string(id));
    return *type;
  }

  GgufValue read_value(GgufType type) {
    switch (type) {
      case GgufType::u8: return std::uint64_t{in_.read<std::uint8_t>(field_)};
      case GgufType::i8: return std::int64_t{in_.read<std::int8_t>(field_)};
      case GgufType::u16: return std::uint64_t{in_.read<std::uint16_t>(field_)};
      case GgufType::i16: return std::int64_t{in_.read<std::int16_t>(field_)};
      case GgufType::u32: return std::uint64_t{in_.read<std::uint32_t>(field_)};
      case GgufType::i32: return std::int64_t{in_.read<std::int32_t>(field_)};
      case GgufType::f32: return double{in_.read<float>(field_)};
      case GgufType::u64: return in_.read<std::uint64_t>(field_);
      case GgufType::i64: return in_.read<std::int64_t>(field_);
      case GgufType::f64: return in_.read<double>(field_);
      case GgufType::boolean: return read_bool();
      default: return read_string();
    }
  }

  bool read_bool() {
    const auto byte = in_.read<std::uint8_t>(field_);
    if (byte > 1) {
      log_notice(LogLevel::warning,
                 file_.path() + ": " + field_ + ": a boolean of " + std::to_string(byte) + " is taken for true");
    }
    return byte != 0;
  }

  std::string read_string() {
    const auto length = in_.read<std::uint64_t>(field_);
    if (length <= in_.remaining() && length > kMaxString) {
      throw LimitError({.file = file_.path(),
                        .offset = in_.offset(),
                        .field = field_,
                        .value = std::to_string(length) + " bytes",
                        .rule = "a text has at most " + std::to_string(kMaxString)});
    }
    return std::string(in_.take_text(length, field_));
  }

  GgufArray read_array() {
    GgufArray array{.type = read_type(), .count = in_.read<std::uint64_t>(field_)};
    if (array.type == GgufType::array) {
      throw UnsupportedError(
          {.file = file_.path(), .offset = in_.offset(), .field = field_, .rule = "arrays of arrays are not read"});
    }
    const std::size_t bytes = gguf_min_bytes(array.type);
    in_.expect_room(array.count, bytes, field_);
    n_items_ += array.count;
    if (n_items_ > kMaxItems) {
      throw LimitError({.file = file_.path(),
                        .field = field_,
                        .value = std::to_string(array.count) + " items",
                        .rule = "the arrays of a file have at most " + std::to_string(kMaxItems) + " together"});
    }
    if (array.type != GgufType::string) {
      const auto numbers = in_.take(array.count * bytes, field_);
      array.numbers.assign(numbers.begin(), numbers.end());
      return array;
    }
    for (std::uint64_t i = 0; i < array.count; ++i) array.strings.push_back(read_string());
    return array;
  }

  void sort_entries() {
    std::ranges::sort(entries_, {}, &GgufEntry::key);
    const auto twice = std::ranges::adjacent_find(entries_, {}, &GgufEntry::key);
    if (twice != entries_.end()) fail("key " + skald::quoted(twice->key), {}, "stands there twice");
  }

  void read_alignment() {
    const auto found = std::ranges::find(entries_, "general.alignment", &GgufEntry::key);
    if (found == entries_.end()) return;
    if (found->type == GgufType::u32) {
      alignment_ = std::get<std::uint64_t>(found->value);
      if (std::has_single_bit(alignment_) && alignment_ <= kMaxAlignment) return;
    }
    fail("key 'general.alignment'",
         found->type == GgufType::u32 ? std::to_string(alignment_) : std::string(gguf_type_name(found->type)),
         "alignment must be a power of two up to 64 KiB, of type u32");
  }

  void read_tensor(std::uint64_t number) {
    NumberedTensor tensor;
    tensor.info.name = read_name("tensor #" + std::to_string(number), kMaxName);
    tensor.number = number;
    field_ = "tensor " + skald::quoted(tensor.info.name);
    const auto n_dims = in_.read<std::uint32_t>(field_);
    if (n_dims > kMaxDims) in_.fail(field_, {}, std::to_string(n_dims) + " dimensions: at most 4 are possible");
    std::vector<std::uint64_t>& shape = tensor.info.shape;
    for (std::uint32_t d = 0; d < n_dims; ++d) shape.push_back(in_.read<std::uint64_t>(field_));
    std::ranges::reverse(shape);
    tensor.info.bytes = read_tensor_type(tensor.info);
    tensor.info.offset = in_.read<std::uint64_t>(field_);
    tensors_.push_back(std::move(tensor));
  }

  // Reads the type and returns the tensor's bytes.
  std::uint64_t read_tensor_type(TensorInfo& tensor) {
    const auto id = in_.read<std::uint32_t>(field_);
    const GgmlType* const type = find_ggml_type(id);
    if (type == nullptr)
      in_.fail(field_, {}, "tensor type " + std::to_string(id) + " is unknown; read are " + readable_ggml_types());
    const std::string name = "tensor type " + std::to_string(id) + " (" + std::string(type->name) + ")";
    if (type->block_bytes == 0)
      in_.fail(field_, {}, name + " was removed from the format; read are " + readable_ggml_types());
    const std::uint64_t row = tensor.shape.empty() ? 1 : tensor.shape.back();
    if (row % type->block != 0) {
      in_.fail(field_, {},
               "a row of " + std::to_string(row) + " is no multiple of the blocks of " + std::to_string(type->block) +
                   " of " + name);
    }
    const std::optional<std::uint64_t> bytes = bytes_of(tensor.shape, *type);
    if (!bytes) in_.fail(field_, shape_text(tensor.shape), "shape overflows");
    tensor.block = quant::find_block_format(id);
    if (!type->dtype && tensor.block == nullptr) {
      throw UnsupportedError({.file = file_.path(),
                              .field = field_,
                              .rule = name + " is not read in this version; read are " + readable_ggml_types()});
    }
    tensor.dtype = type->dtype.value_or(DType::u8);
    return *bytes;
  }

  // ggml counts in signed 64-bit numbers.
  static std::optional<std::uint64_t> bytes_of(std::span<const std::uint64_t> shape, const GgmlType& type) {
    std::optional<std::int64_t> bytes = type.block_bytes;
    bool empty = false;
    for (std::size_t d = 0; d < shape.size(); ++d) {
      const bool innermost = d + 1 == shape.size();
      const std::uint64_t n = innermost ? shape[d] / type.block : shape[d];
      if (!std::in_range<std::int64_t>(shape[d])) return std::nullopt;
      empty |= n == 0;
      if (bytes && n > 0) bytes = checked_mul(*bytes, static_cast<std::int64_t>(n));
    }
    if (!bytes) return std::nullopt;
    return empty ? 0 : static_cast<std::uint64_t>(*bytes);
  }

  // From offsets in the data to offsets in the file; tensors may stand in any order.
  void place_tensors() {
    const std::uint64_t data = (in_.offset() + alignment_ - 1) / alignment_ * alignment_;
    const std::uint64_t data_bytes = file_.size() > data ? file_.size() - data : 0;
    for (NumberedTensor& tensor : tensors_) {
      TensorInfo& info = tensor.info;
      const std::string field = "tensor " + skald::quoted(info.name);
      if (info.offset % alignment_ != 0) {
        fail(field, std::to_string(info.offset), "the offset must be a multiple of " + std::to_string(alignment_));
      }
      const std::optional<std::uint64_t> end = checked_add(info.offset, info.bytes);
      if (!end || !range_within(info.offset, *end, data_bytes)) {
        fail(field, "offset " + std::to_string(info.offset) + ", " + std::to_string(info.bytes) + " bytes",
             "lies outside of the " + std::to_string(data_bytes) + " bytes of data (incomplete download?)");
      }
      info.offset += data;
    }
    refuse_overlaps();
  }

  void refuse_overlaps() {
    std::ranges::sort(tensors_, {}, [](const NumberedTensor& t) { return std::pair(t.info.offset, t.info.bytes); });
    for (std::size_t i = 1; i < tensors_.size(); ++i) {
      const TensorInfo& before = tensors_[i - 1].info;
      if (before.offset + before.bytes <= tensors_[i].info.offset) continue;
      fail("tensor " + skald::quoted(tensors_[i].info.name), {}, "overlaps tensor " + quoted(before.name));
    }
  }

  std::vector<NumberedTensor>& sort_by_name() {
    std::ranges::sort(tensors_, {}, [](const NumberedTensor& t) { return std::pair(t.info.name, t.number); });
    const auto twice = std::ranges::adjacent_find(tensors_, {}, [](const NumberedTensor& t) { return t.info.name; });
    if (twice == tensors_.end()) return tensors_;
    fail("duplicate tensor " + skald::quoted(twice->info.name), {},
         "#" + std::to_string(twice[0].number) + " and #" + std::to_string(twice[1].number));
  }

  File file_;
  BoundedReader in_;
  std::string field_;  // what is read, for messages
  std::vector<GgufEntry> entries_;
  std::vector<NumberedTensor> tensors_;
  std::uint64_t n_items_ = 0;
  std::uint64_t alignment_ = 32;
};

}  // namespace

const GgufEntry* GgufFile::find_entry(std::string_view key) const {
  const auto all = metadata();
  const auto at = std::ranges::lower_bound(all, key, {}, &GgufEntry::key);
  return at != all.end() && at->key == key ? &*at : nullptr;
}

void GgufFile::fail_type(const GgufEntry& entry, std::string rule) const {
  throw FormatError(
      {.file = path(), .field = entry.key, .value = std::string(gguf_type_name(entry.type)), .rule = std::move(rule)});
}

std::optional<std::string_view> GgufFile::get_text(std::string_view key) const {
  const GgufEntry* const entry = find_entry(key);
  if (entry == nullptr) return std::nullopt;
  if (const auto* const text = std::get_if<std::string>(&entry->value)) return *text;
  fail_type(*entry, "must be a string");
}

std::optional<std::int64_t> GgufFile::get_integer(std::string_view key) const {
  const GgufEntry* const entry = find_entry(key);
  if (entry == nullptr) return std::nullopt;
  const auto* const u = std::get_if<std::uint64_t>(&entry->value);
  if (u != nullptr && std::in_range<std::int64_t>(*u)) return static_cast<std::int64_t>(*u);
  const auto* const i = std::get_if<std::int64_t>(&entry->value);
  if (i != nullptr && *i >= 0) return *i;
  fail_type(*entry, "must be an integer in [0, 2^63)");
}

std::optional<json::Value> GgufFile::get_number(std::string_view key) const {
  const GgufEntry* const entry = find_entry(key);
  if (entry == nullptr) return std::nullopt;
  const auto* const u = std::get_if<std::uint64_t>(&entry->value);
  if (u != nullptr && std::in_range<std::int64_t>(*u)) return static_cast<std::int64_t>(*u);
  if (const auto* const i = std::get_if<std::int64_t>(&entry->value)) return *i;
  const auto* const real = std::get_if<double>(&entry->value);
  if (real != nullptr && std::isfinite(*real)) return *real;
  fail_type(*entry, "must be a finite number");
}

std::optional<bool> GgufFile::get_bool(std::string_view key) const {
  const GgufEntry* const entry = find_entry(key);
  if (entry == nullptr) return std::nullopt;
  if (const bool* const value = std::get_if<bool>(&entry->value)) return *value;
  fail_type(*entry, "must be a boolean");
}

const GgufArray* GgufFile::get_array(std::string_view key) const {
  const GgufEntry* const entry = find_entry(key);
  if (entry == nullptr) return nullptr;
  if (const auto* const array = std::get_if<GgufArray>(&entry->value)) return array;
  fail_type(*entry, "must be an array");
}

std::unique_ptr<GgufFile> open_gguf_part(const std::filesystem::path& path) { return HeaderReader(File(path)).read(); }

std::unique_ptr<GgufFile> open_gguf(const std::filesystem::path& path) { return join_gguf_parts(open_gguf_part(path)); }

}  // namespace skald
