#include "formats/safetensors.h"

#include <algorithm>
#include <map>

#include "base/checked.h"
#include "json/fields.h"
#include "skald/error.h"

namespace skald {
namespace {

namespace fs = std::filesystem;

class SafetensorsSource final : public TensorSource {
 public:
  // `tensors` ascend by name and lie in `files`.
  SafetensorsSource(std::vector<File> files, std::vector<TensorInfo> tensors, std::string description)
      : files_(std::move(files)), tensors_(std::move(tensors)), description_(std::move(description)) {}

  std::span<const TensorInfo> tensors() const override { return tensors_; }

  void read(const TensorInfo& tensor, std::uint64_t begin, std::span<std::byte> out) const override {
    if (begin > tensor.bytes || out.size() > tensor.bytes - begin) {
      throw UsageError("read of " + std::to_string(out.size()) + " bytes from byte " + std::to_string(begin) +
                       " on goes beyond tensor " + quoted(tensor.name));
    }
    file(tensor).read(tensor.offset + begin, out);
  }

  const std::string& file_of(const TensorInfo& tensor) const override { return file(tensor).path(); }
  std::string describe() const override { return description_; }

 private:
  const File& file(const TensorInfo& tensor) const { return files_[static_cast<std::size_t>(tensor.file)]; }

  std::vector<File> files_;
  std::vector<TensorInfo> tensors_;
  std::string description_;
};

void sort_by_name(std::vector<TensorInfo>& tensors) {
  std::sort(tensors.begin(), tensors.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
}

// An index as it is read: which shard holds which tensor, and what they hold together.
class IndexReader {
 public:
  explicit IndexReader(const fs::path& path)
      : path_(path),
        folder_(path.parent_path()),
        root_(json::parse_file(path.native())),
        index_(root_, path.native()) {}

  std::unique_ptr<TensorSource> open() {
    read_weight_map();
    for (const auto& [name, number] : shards_) open_shard(name);
    sort_by_name(tensors_);
    refuse_tensors_in_two_shards();
    check_every_mapped_tensor();
    check_total_size();
    const std::string description = path_.filename().native() + " (" + std::to_string(files_.size()) +
                                    (files_.size() == 1 ? " shard)" : " shards)");
    return std::make_unique<SafetensorsSource>(std::move(files_), std::move(tensors_), description);
  }

 private:
  [[noreturn]] void fail(std::string field, std::string rule) const {
    throw FormatError(ErrorFields{.file = path_.native(), .field = std::move(field), .rule = std::move(rule)});
  }

  void read_weight_map() {
    const auto map = index_.get_object("weight_map");
    if (!map || map->value().as_object().empty()) fail("weight_map", "must be an object that names the tensors' files");
    for (const json::Member& member : map->value().as_object()) {
      if (!member.value.is_string()) {
        fail("weight_map[" + quoted(member.key) + "]", "must be a file name, got " + member.value.describe());
      }
      shards_.try_emplace(member.value.as_string(), 0);
    }
  }

  void open_shard(const std::string& name) {
    const fs::path path = check_shard_name(name);
    int& number = shards_[name];
    number = static_cast<int>(files_.size());
    files_.push_back(open_shard_file(name, path));
    for (TensorInfo& tensor : read_safetensors_header(files_.back(), number)) tensors_.push_back(std::move(tensor));
  }

  // A shard is a file of the index's own folder: a name in an index must not reach any other file.
  fs::path check_shard_name(const std::string& name) const {
    const std::string field = "shard " + quoted(name);
    const bool plain = !name.empty() && name != "." && name != ".." && name.find_first_of("/\\") == std::string::npos &&
                       name.find('\0') == std::string::npos;
    if (!plain) fail(field, "must be the name of a file in the same folder, without any path");
    fs::path path = folder_ / name;
    std::error_code error;
    if (!fs::is_symlink(path, error)) return path;
    const fs::path target = fs::canonical(path, error);
    if (error || within(target, folder_) || within(target, cache_blobs())) return path;  // a broken link fails to open
    fail(field, "is a symbolic link out of the folder, to " + quoted(target.native()));
  }

  // The Hugging Face cache keeps files in blobs/ and links to them from snapshots/<revision>/.
  fs::path cache_blobs() const {
    std::error_code error;
    const fs::path folder = fs::canonical(folder_.empty() ? "." : folder_, error);
    return folder.parent_path().filename() == "snapshots" ? folder.parent_path().parent_path() / "blobs" : folder;
  }

  static bool within(const fs::path& target, const fs::path& folder) {
    std::error_code error;
    const fs::path base = fs::canonical(folder.empty() ? "." : folder, error);
    return !error && std::mismatch(base.begin(), base.end(), target.begin(), target.end()).first == base.end();
  }

  File open_shard_file(const std::string& name, const fs::path& path) const {
    try {
      return File(path);
    } catch (const PathError& error) {
      if (error.kind() != PathError::Kind::not_found) throw;
      throw PathError(error.kind(), ErrorFields{.file = path_.native(),
                                                .field = "shard " + quoted(name),
                                                .rule = "is missing from the folder (incomplete download?)"});
    }
  }

  void refuse_tensors_in_two_shards() const {
    const auto twice = std::adjacent_find(tensors_.begin(), tensors_.end(),
                                          [](const auto& a, const auto& b) { return a.name == b.name; });
    if (twice == tensors_.end()) return;
    fail("tensor " + quoted(twice->name),
         "is in two shards: " + quoted(shard_name(twice[0])) + " and " + quoted(shard_name(twice[1])));
  }

  std::string shard_name(const TensorInfo& tensor) const {
    return fs::path(files_[static_cast<std::size_t>(tensor.file)].path()).filename().native();
  }

  void check_every_mapped_tensor() const {
    for (const json::Member& member : index_.find("weight_map")->as_object()) {
      const auto at = std::lower_bound(tensors_.begin(), tensors_.end(), member.key,
                                       [](const TensorInfo& a, const std::string& name) { return a.name < name; });
      const std::string& shard = member.value.as_string();
      const bool here = at != tensors_.end() && at->name == member.key && at->file == shards_.at(shard);
      if (!here) fail("tensor " + quoted(member.key), "is not in its shard " + quoted(shard));
    }
  }

  void check_total_size() const {
    const auto metadata = index_.get_object("metadata");
    const auto promised = metadata ? metadata->get_number("total_size", 0, 0x1p63) : std::nullopt;
    if (!promised) return;
    std::uint64_t total = 0;
    for (const TensorInfo& tensor : tensors_) total += tensor.bytes;
    if (static_cast<double>(total) == *promised) return;
    fail("metadata.total_size", "the index promises " + metadata->find("total_size")->describe() +
                                    " bytes of tensors, the shards hold " + std::to_string(total) +
                                    " (shards of another version? where they are right, delete this entry)");
  }

  fs::path path_;
  fs::path folder_;
  json::Value root_;
  json::Fields index_;
  std::map<std::string, int> shards_;  // file name -> place in files_
  std::vector<File> files_;
  std::vector<TensorInfo> tensors_;
};

}  // namespace

std::unique_ptr<TensorSource> open_safetensors(const fs::path& path) {
  std::vector<File> files;
  files.emplace_back(path);
  std::vector<TensorInfo> tensors = read_safetensors_header(files[0]);
  sort_by_name(tensors);
  return std::make_unique<SafetensorsSource>(std::move(files), std::move(tensors), path.filename().native());
}

std::unique_ptr<TensorSource> open_safetensors_index(const fs::path& index_path) {
  return IndexReader(index_path).open();
}

}  // namespace skald
