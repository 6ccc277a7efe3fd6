// The Hugging Face cache, as huggingface_hub lays it out, while a revision is put into it.
#include <algorithm>
#include <filesystem>

#include "base/file.h"
#include "base/partial_file.h"
#include "hub/names.h"
#include "hub/sums.h"
#include "skald/error.h"
#include "skald/hub_store.h"

namespace skald {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kReadBytes = std::size_t{1} << 20;

void make_folder(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (!error) return;
  const bool denied = error == std::errc::permission_denied || error == std::errc::read_only_file_system;
  throw PathError(denied ? PathError::Kind::permission : PathError::Kind::io,
                  {.file = path.native(), .rule = "cannot make the folder: " + error.message()});
}

// As HubFile::sum has it: large files by their bytes, small ones as git does, after "blob SIZE\0".
std::string sum_of(const std::string& path, bool is_large) {
  const File file(path);
  hub::Sum sum(is_large ? hub::Sum::Kind::sha256 : hub::Sum::Kind::sha1);
  if (!is_large) {
    const std::string head = "blob " + std::to_string(file.size()) + '\0';
    sum.add(std::as_bytes(std::span(head)));
  }
  std::vector<std::byte> buffer(kReadBytes);
  for (std::uint64_t at = 0; at < file.size();) {
    const auto part = std::span(buffer).first(std::min<std::uint64_t>(buffer.size(), file.size() - at));
    file.read(at, part);
    sum.add(part);
    at += part.size();
  }
  return sum.finish();
}

fs::path blob(const fs::path& folder, const HubFile& file) { return folder / "blobs" / file.sum; }

}  // namespace

HubStore::HubStore(HubName name, std::string commit)
    : name_(std::move(name)), commit_(std::move(commit)), folder_(hub::repository_folder(name_).native()) {}

bool HubStore::has(const HubFile& file) const {
  std::error_code error;
  const auto bytes = fs::file_size(blob(folder_, file), error);
  return !error && bytes == file.bytes;
}

std::string HubStore::partial_path(const HubFile& file) const {
  make_folder(fs::path(folder_) / "blobs");
  return blob(folder_, file).native() + ".incomplete";
}

void HubStore::keep(const HubFile& file) const {
  const std::string partial = partial_path(file);
  const std::uint64_t bytes = File(partial).size();
  const bool whole = bytes == file.bytes && sum_of(partial, file.sum.size() == 64) == file.sum;
  std::error_code error;
  if (!whole) {
    fs::remove(partial, error);
    throw FormatError({.file = name_.id() + "/" + file.name,
                       .rule = bytes == file.bytes
                                   ? "what came has another checksum than the hub promises: try again"
                                   : "what came has " + std::to_string(bytes) + " bytes, the hub promises " +
                                         std::to_string(file.bytes) + ": try again"});
  }
  fs::rename(partial, blob(folder_, file), error);
  if (error) {
    throw PathError(PathError::Kind::io, {.file = partial, .rule = "cannot be put in place: " + error.message()});
  }
}

void HubStore::finish(const std::vector<HubFile>& files) const {
  const fs::path snapshot = fs::path(folder_) / "snapshots" / commit_;
  for (const HubFile& file : files) {
    const fs::path link = snapshot / file.name;
    make_folder(link.parent_path());
    std::error_code error;
    fs::remove(link, error);
    fs::create_symlink(fs::relative(blob(folder_, file), link.parent_path(), error), link, error);
    if (error) {
      throw PathError(PathError::Kind::io, {.file = link.native(), .rule = "cannot be linked: " + error.message()});
    }
  }
  if (name_.revision == commit_) return;
  make_folder(fs::path(folder_) / "refs");
  PartialFile reference(fs::path(folder_) / "refs" / name_.revision);
  reference.write(std::as_bytes(std::span(commit_)));
  reference.finish();
}

}  // namespace skald
