#include "formats/file_tensors.h"

#include <algorithm>
#include <iterator>
#include <map>

#include "base/checked.h"
#include "formats/crc32.h"
#include "json/fields.h"
#include "skald/error.h"

namespace skald {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kSumBytes = std::uint64_t{1} << 20;  // read at once for a sum

const std::string& name_of(const StoredTensor& tensor) { return tensor.info.name; }

void sort_by_name(std::vector<StoredTensor>& tensors) { std::ranges::sort(tensors, {}, name_of); }

class FileTensors final : public TensorSource {
 public:
  // The tensors of `contents` ascend by name and lie in `files`.
  FileTensors(std::vector<File> files, FileContents contents, std::string description)
      : files_(std::move(files)), sums_(std::move(contents.sums)), description_(std::move(description)) {
    for (StoredTensor& tensor : contents.tensors) {
      tensors_.push_back(std::move(tensor.info));
      strides_.push_back(std::move(tensor.strides));
    }
  }

  std::span<const TensorInfo> tensors() const override { return tensors_; }
  const std::string& file_of(const TensorInfo& tensor) const override { return file(tensor.file).path(); }
  std::string describe() const override { return description_; }

  void read(const TensorInfo& tensor, std::uint64_t begin, std::span<std::byte> out) const override {
    if (begin > tensor.bytes || out.size() > tensor.bytes - begin) {
      throw UsageError("read of " + std::to_string(out.size()) + " bytes from byte " + std::to_string(begin) +
                       " on goes beyond tensor " + quoted(tensor.name));
    }
    const auto& strides = strides_[static_cast<std::size_t>(&tensor - tensors_.data())];
    if (strides.empty()) return file(tensor.file).read(tensor.offset + begin, out);
    gather(tensor, strides, begin, out);
  }

  void check_sums(ThreadPool& pool) const {
    pool.parallel_dynamic(sums_.size(), 1, [&](std::size_t first, std::size_t last, int /*worker*/) {
      std::vector<std::byte> buffer(kSumBytes);
      for (std::size_t i = first; i < last; ++i) check_sum(sums_[i], buffer);
    });
  }

 private:
  const File& file(int number) const { return files_[static_cast<std::size_t>(number)]; }

  void check_sum(const StoredSum& stored, std::span<std::byte> buffer) const {
    std::uint32_t sum = 0;
    for (std::uint64_t done = 0; done < stored.bytes;) {
      const auto part = buffer.first(std::min<std::uint64_t>(buffer.size(), stored.bytes - done));
      file(stored.file).read(stored.offset + done, part);
      sum = crc32(part, sum);
      done += part.size();
    }
    if (sum == stored.sum) return;
    throw FormatError({.file = file(stored.file).path(),
                       .offset = stored.offset,
                       .field = stored.name,
                       .rule = "its checksum is wrong: the file is damaged, fetch or save it again"});
  }

  // Elements of a view, one run along its last dimension after the other.
  void gather(const TensorInfo& tensor, const std::vector<std::uint64_t>& strides, std::uint64_t begin,
              std::span<std::byte> out) const {
    const std::uint64_t size = stored_unit(tensor).bytes;
    if (begin % size != 0 || out.size() % size != 0) {
      throw UsageError("tensor " + quoted(tensor.name) + " is read by whole elements");
    }
    const std::uint64_t row = tensor.shape.back();
    for (std::uint64_t element = begin / size; !out.empty();) {
      const std::uint64_t n = std::min(row - element % row, out.size() / size);
      const std::uint64_t from = tensor.offset + place(tensor, strides, element) * size;
      gather_run(file(tensor.file), from, strides.back() * size, out.first(n * size), size);
      element += n;
      out = out.subspan(n * size);
    }
  }

  // From the view's first element, in elements of the storage.
  static std::uint64_t place(const TensorInfo& tensor, const std::vector<std::uint64_t>& strides,
                             std::uint64_t element) {
    std::uint64_t at = 0;
    for (std::size_t d = tensor.shape.size(); d-- > 0;) {
      at += element % tensor.shape[d] * strides[d];
      element /= tensor.shape[d];
    }
    return at;
  }

  static void gather_run(const File& file, std::uint64_t from, std::uint64_t stride, std::span<std::byte> out,
                         std::uint64_t size) {
    if (stride == size) return file.read(from, out);
    for (std::uint64_t i = 0; i < out.size() / size; ++i) file.read(from + i * stride, out.subspan(i * size, size));
  }

  std::vector<File> files_;
  std::vector<TensorInfo> tensors_;
  std::vector<std::vector<std::uint64_t>> strides_;  // of each tensor; empty: it lies there as it is
  std::vector<StoredSum> sums_;
  std::string description_;
};

// An index as it is read: which shard holds which tensor, and what they hold together.
class IndexReader {
 public:
  IndexReader(const fs::path& path, ContentsReader* read)
      : path_(path),
        folder_(path.parent_path()),
        root_(json::parse_file(path.native())),
        index_(root_, path.native()),
        read_(read) {}

  std::unique_ptr<TensorSource> open(bool exact_size) {
    read_weight_map();
    for (const auto& [name, number] : shards_) open_shard(name);
    sort_by_name(contents_.tensors);
    refuse_tensors_in_two_shards();
    check_every_mapped_tensor();
    if (exact_size) check_total_size();
    const std::string description = path_.filename().native() + " (" + std::to_string(files_.size()) +
                                    (files_.size() == 1 ? " shard)" : " shards)");
    return std::make_unique<FileTensors>(std::move(files_), std::move(contents_), description);
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
    FileContents shard = read_(files_.back(), number);
    std::ranges::move(shard.tensors, std::back_inserter(contents_.tensors));
    std::ranges::move(shard.sums, std::back_inserter(contents_.sums));
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
    const auto twice = std::ranges::adjacent_find(contents_.tensors, {}, name_of);
    if (twice == contents_.tensors.end()) return;
    fail("tensor " + quoted(twice->info.name),
         "is in two shards: " + quoted(shard_name(twice[0])) + " and " + quoted(shard_name(twice[1])));
  }

  std::string shard_name(const StoredTensor& tensor) const {
    return fs::path(files_[static_cast<std::size_t>(tensor.info.file)].path()).filename().native();
  }

  void check_every_mapped_tensor() const {
    for (const json::Member& member : index_.find("weight_map")->as_object()) {
      const auto at = std::ranges::lower_bound(contents_.tensors, member.key, {}, name_of);
      const std::string& shard = member.value.as_string();
      const bool here =
          at != contents_.tensors.end() && name_of(*at) == member.key && at->info.file == shards_.at(shard);
      if (!here) fail("tensor " + quoted(member.key), "is not in its shard " + quoted(shard));
    }
  }

  void check_total_size() const {
    const auto metadata = index_.get_object("metadata");
    const auto promised = metadata ? metadata->get_number("total_size", 0, 0x1p63) : std::nullopt;
    if (!promised) return;
    std::uint64_t total = 0;
    for (const StoredTensor& tensor : contents_.tensors) total += tensor.info.bytes;
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
  ContentsReader* read_;
  std::vector<File> files_;
  FileContents contents_;
};

}  // namespace

std::unique_ptr<TensorSource> open_file_tensors(const fs::path& path, ContentsReader* read) {
  std::vector<File> files;
  files.emplace_back(path);
  FileContents contents = read(files[0], 0);
  sort_by_name(contents.tensors);
  return std::make_unique<FileTensors>(std::move(files), std::move(contents), path.filename().native());
}

void check_sums(const TensorSource& source, ThreadPool& pool) {
  if (const auto* const files = dynamic_cast<const FileTensors*>(&source)) files->check_sums(pool);
}

std::unique_ptr<TensorSource> open_indexed_tensors(const fs::path& index_path, ContentsReader* read, bool exact_size) {
  return IndexReader(index_path, read).open(exact_size);
}

}  // namespace skald
