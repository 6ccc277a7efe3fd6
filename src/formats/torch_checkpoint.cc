#include "formats/torch_checkpoint.h"

#include <algorithm>
#include <array>
#include <map>

#include "base/checked.h"
#include "base/file_kind.h"
#include "formats/crc32.h"
#include "formats/file_tensors.h"
#include "formats/gguf_model.h"
#include "formats/torch_pickle.h"
#include "formats/zip_archive.h"
#include "skald/error.h"

namespace skald {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxPickle = std::uint64_t{64} << 20;
constexpr std::uint64_t kMaxName = 1024;
constexpr std::uint64_t kGatheredBytes = std::uint64_t{64} << 10;  // a small view is gathered, not seen as transposed
constexpr std::array<std::string_view, 5> kStateKeys = {"model_state", "state_dict", "model_state_dict", "model",
                                                        "module"};
constexpr std::array<std::string_view, 2> kWrappers = {"module.", "_orig_mod."};
constexpr int kMaxSettingsDepth = 8;
constexpr std::size_t kMaxSettings = 10000;

// Formats of torch.save before 1.6: a pickle by itself, or a tar archive.
[[noreturn]] void refuse_other_file(const File& file) {
  std::string head(std::min<std::uint64_t>(file.size(), 512), '\0');
  file.read(0, std::as_writable_bytes(std::span(head)));
  const bool is_tar = head.size() >= 262 && head.compare(257, 5, "ustar") == 0;
  const bool is_pickle = head.size() >= 2 && head[0] == '\x80' && head[1] >= 1 && head[1] <= 5;
  if (!is_tar && !is_pickle) {
    const std::string_view kind = recognize_file_kind(head);
    throw FormatError({.file = file.path(),
                       .rule = "not a PyTorch checkpoint: " +
                               (!kind.empty()      ? "this is " + std::string(kind)
                                : file.size() == 0 ? "the file is empty"
                                                   : "begins with " + skald::quoted(head.substr(0, 16)))});
  }
  const std::string name = fs::path(file.path()).filename().native();
  throw UnsupportedError(
      {.file = file.path(),
       .rule =
           std::string("is ") + (is_tar ? "a tar archive" : "a bare pickle") +
           ", as torch.save wrote before PyTorch 1.6: save it anew (if you trust it) with python -c \"import torch; "
           "torch.save(torch.load(" +
           skald::quoted(name) + ", 'cpu', weights_only=" + (is_tar ? "False" : "True") + "), 'new.pt')\""});
}

// The pickle of one checkpoint, and where its storages lie.
class Checkpoint {
 public:
  explicit Checkpoint(const File& file) : file_(file), archive_(check_kind(file)), prefix_(find_prefix()) {
    check_byte_order();
    const ZipMember& member = *archive_.find(prefix_ + "data.pkl");
    if (member.bytes > kMaxPickle) {
      throw LimitError({.file = file.path(),
                        .field = member.name,
                        .value = std::to_string(member.bytes) + " bytes",
                        .rule = "a pickle has at most " + std::to_string(kMaxPickle)});
    }
    bytes_ = read_member(member);
    pickle_.emplace(file.path(), bytes_, member.offset, maker_);
  }

  [[nodiscard]] const Pickle& pickle() const { return *pickle_; }

  /// The dict that holds the tensors.
  [[nodiscard]] PickleId state_dict() const {
    const PickleId root = pickle_->root();
    if (has_tensors(root)) return root;
    for (const std::string_view key : kStateKeys) {
      const PickleId* const state = pickle_->find(root, key);
      if (state != nullptr && has_tensors(*state)) return *state;
    }
    throw UnsupportedError({.file = file_.path(),
                            .field = prefix_ + "data.pkl",
                            .value = std::string(pickle_kind_name(pickle_->kind(root))),
                            .rule = "is not a state dict, which names tensors, nor has one as model_state, state_dict, "
                                    "model_state_dict, model or module: save model.state_dict()"});
  }

  [[nodiscard]] FileContents contents(int file_index) const {
    FileContents out;
    const std::vector<Entry> entries = entries_of(state_dict());
    std::map<std::string_view, const ZipMember*> storages;
    for (const Entry& entry : entries) {
      const ZipMember& member = find_storage(entry, storages);
      out.tensors.push_back(place(entry, member, file_index));
    }
    if (!archive_.has_sums()) return out;
    for (const auto& [key, member] : storages) {
      out.sums.push_back({member->name, file_index, member->offset, member->bytes, member->sum});
    }
    return out;
  }

 private:
  struct Entry {
    std::string name;
    const TorchTensor* tensor;
  };

  static const File& check_kind(const File& file) {
    std::string head(std::min<std::uint64_t>(file.size(), 4), '\0');
    file.read(0, std::as_writable_bytes(std::span(head)));
    if (head != "PK\x03\x04" && head != "PK\x05\x06") refuse_other_file(file);
    return file;
  }

  [[noreturn]] void fail(std::string field, std::string rule) const {
    throw FormatError({.file = file_.path(), .field = std::move(field), .rule = std::move(rule)});
  }

  // Members lie in a folder that is called like the file, once.
  [[nodiscard]] std::string find_prefix() const {
    std::vector<std::string> found;
    for (const ZipMember& member : archive_.members()) {
      if (member.name == "data.pkl" || member.name.ends_with("/data.pkl")) found.push_back(member.name);
      if (member.name.ends_with("/constants.pkl")) {
        throw UnsupportedError({.file = file_.path(),
                                .field = member.name,
                                .rule = "is a TorchScript program, not a checkpoint: save its state_dict()"});
      }
    }
    if (found.empty()) fail({}, "is a ZIP archive, but no PyTorch checkpoint: it has no data.pkl");
    if (found.size() > 1) fail({}, "has two pickles: " + skald::quoted(found[0]) + " and " + skald::quoted(found[1]));
    return found[0].substr(0, found[0].size() - std::string_view("data.pkl").size());
  }

  [[nodiscard]] std::vector<std::byte> read_member(const ZipMember& member) const {
    std::vector<std::byte> bytes(member.bytes);
    file_.read(member.offset, bytes);
    if (archive_.has_sums() && crc32(bytes) != member.sum) {
      fail(member.name, "its checksum is wrong: the file is damaged, fetch or save it again");
    }
    return bytes;
  }

  void check_byte_order() const {
    const ZipMember* const member = archive_.find(prefix_ + "byteorder");
    if (member == nullptr) return;  // not written before PyTorch 2.1
    const std::vector<std::byte> bytes = member->bytes <= 16 ? read_member(*member) : std::vector<std::byte>{};
    const std::string_view order(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (order == "little") return;
    throw UnsupportedError({.file = file_.path(),
                            .field = member->name,
                            .value = skald::quoted(order),
                            .rule = "only little-endian checkpoints are read: big-endian checkpoint not supported"});
  }

  [[nodiscard]] bool has_tensors(PickleId id) const {
    if (pickle_->kind(id) != PickleKind::dict) return false;
    return std::ranges::any_of(pickle_->items(id),
                               [&](PickleId item) { return maker_.tensor(*pickle_, item) != nullptr; });
  }

  // The named tensors; other values (versions, None) are no weights. Of equal names the last one counts, as in Python.
  [[nodiscard]] std::vector<Entry> entries_of(PickleId state) const {
    const std::span<const PickleId> items = pickle_->items(state);
    std::map<std::string_view, const TorchTensor*> tensors;
    for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
      const TorchTensor* const tensor = maker_.tensor(*pickle_, items[i + 1]);
      if (tensor == nullptr) continue;
      if (pickle_->kind(items[i]) != PickleKind::text) fail({}, "a tensor of the state dict has no text for its name");
      const std::string_view name = pickle_->text(items[i]);
      if (name.empty() || name.size() > kMaxName) fail({}, "a tensor's name must have 1 to 1024 bytes");
      tensors[name] = tensor;
    }
    const std::size_t prefix = wrapper_bytes(tensors);
    std::vector<Entry> entries;
    entries.reserve(tensors.size());
    for (const auto& [name, tensor] : tensors) entries.push_back({std::string(name.substr(prefix)), tensor});
    return entries;
  }

  // Bytes of the prefixes that DataParallel and torch.compile put before every name.
  static std::size_t wrapper_bytes(const std::map<std::string_view, const TorchTensor*>& tensors) {
    std::size_t bytes = 0;
    for (bool again = true; again;) {
      again = false;
      for (const std::string_view wrapper : kWrappers) {
        const bool all = std::ranges::all_of(tensors, [&](const auto& entry) {
          return entry.first.substr(std::min(bytes, entry.first.size())).starts_with(wrapper) &&
                 entry.first.size() > bytes + wrapper.size();
        });
        if (all) bytes += wrapper.size();
        again |= all;
      }
    }
    return bytes;
  }

  // The member of a tensor's storage, whose size must be the storage's.
  const ZipMember& find_storage(const Entry& entry, std::map<std::string_view, const ZipMember*>& known) const {
    const TorchStorage& storage = entry.tensor->storage;
    const std::string field = "tensor '" + entry.name + "'";
    const ZipMember*& member = known[storage.key];
    if (member == nullptr) member = archive_.find(prefix_ + "data/" + std::string(storage.key));
    if (member == nullptr) fail(field, "its storage " + skald::quoted(storage.key) + " is not in the archive");
    const std::uint64_t size = storage.dtype ? static_cast<std::uint64_t>(dtype_bits(*storage.dtype)) / 8 : 1;
    const std::optional<std::uint64_t> bytes = checked_mul(storage.count, size);
    if (bytes && *bytes == member->bytes) return *member;
    fail(field, "its storage of " + std::to_string(storage.count) + " elements of " + std::to_string(size) +
                    " bytes is stored in " + std::to_string(member->bytes) + " bytes");
  }

  static StoredTensor place(const Entry& entry, const ZipMember& member, int file_index) {
    const TorchTensor& tensor = *entry.tensor;
    const std::uint64_t size = static_cast<std::uint64_t>(dtype_bits(tensor.dtype)) / 8;
    StoredTensor out{.info = {.name = entry.name,
                              .dtype = tensor.dtype,
                              .shape = tensor.shape,
                              .file = file_index,
                              .offset = member.offset + tensor.first * size,
                              .bytes = tensor.count * size}};
    if (tensor.count == 0 || is_row_major(tensor)) return out;
    const bool turned = tensor.shape.size() == 2 && tensor.strides[0] == 1 && tensor.strides[1] == tensor.shape[0];
    out.info.transposed = turned && out.info.bytes > kGatheredBytes;
    if (!out.info.transposed) out.strides = tensor.strides;
    return out;
  }

  // The strides of dimensions of one element do not matter.
  static bool is_row_major(const TorchTensor& tensor) {
    std::uint64_t expected = 1;
    for (std::size_t d = tensor.shape.size(); d-- > 0;) {
      if (tensor.shape[d] != 1 && tensor.strides[d] != expected) return false;
      expected *= tensor.shape[d];
    }
    return true;
  }

  const File& file_;
  ZipArchive archive_;
  std::string prefix_;
  std::vector<std::byte> bytes_;
  TorchMaker maker_;
  std::optional<Pickle> pickle_;
};

FileContents read_contents(const File& file, int file_index) { return Checkpoint(file).contents(file_index); }

// Plain data of a pickle as JSON; everything else is null.
class SettingsReader {
 public:
  explicit SettingsReader(const Pickle& pickle) : pickle_(pickle) {}

  json::Value read(PickleId id, int depth = 0) {
    if (++count_ > kMaxSettings || depth > kMaxSettingsDepth) {
      throw LimitError({.file = pickle_.file(), .rule = "the settings in the checkpoint are too large"});
    }
    switch (pickle_.kind(id)) {
      case PickleKind::boolean: return pickle_.integer(id) != 0;
      case PickleKind::integer: return pickle_.integer(id);
      case PickleKind::real: return pickle_.real(id);
      case PickleKind::text: return std::string(pickle_.text(id));
      case PickleKind::list:
      case PickleKind::tuple: return read_list(id, depth);
      case PickleKind::dict: return read_dict(id, depth);
      default: return nullptr;
    }
  }

 private:
  json::Value read_list(PickleId id, int depth) {
    json::Array list;
    for (const PickleId item : pickle_.items(id)) list.push_back(read(item, depth + 1));
    return list;
  }

  json::Value read_dict(PickleId id, int depth) {
    json::Object dict;
    const std::span<const PickleId> items = pickle_.items(id);
    for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
      if (pickle_.kind(items[i]) != PickleKind::text) continue;
      const std::string key(pickle_.text(items[i]));
      std::erase_if(dict, [&](const json::Member& member) { return member.key == key; });
      dict.push_back({key, read(items[i + 1], depth + 1)});
    }
    return dict;
  }

  const Pickle& pickle_;
  std::size_t count_ = 0;
};

}  // namespace

bool is_torch_file(const fs::path& path) {
  std::error_code ignored;
  if (!fs::is_regular_file(path, ignored)) return false;
  if (is_gguf_file(path)) return false;
  const std::string extension = path.extension().native();
  return extension == ".pt" || extension == ".pth" || extension == ".bin" || is_zip_file(path.native());
}

std::unique_ptr<TensorSource> open_torch(const fs::path& path) { return open_file_tensors(path, read_contents); }

std::unique_ptr<TensorSource> open_torch_index(const fs::path& index_path) {
  return open_indexed_tensors(index_path, read_contents, /*exact_size=*/false);
}

std::optional<json::Value> read_torch_settings(const fs::path& path) {
  const File file(path);
  const Checkpoint checkpoint(file);
  const Pickle& pickle = checkpoint.pickle();
  if (pickle.find(pickle.root(), "model_state") == nullptr) return std::nullopt;
  for (const std::string_view key : {"config", "model_config"}) {
    const PickleId* const settings = pickle.find(pickle.root(), key);
    if (settings != nullptr && pickle.kind(*settings) == PickleKind::dict)
      return SettingsReader(pickle).read(*settings);
  }
  return std::nullopt;
}

}  // namespace skald
