#include "formats/safetensors.h"

#include "formats/file_tensors.h"

namespace skald {
namespace {

FileContents read_contents(const File& file, int file_index) {
  FileContents contents;
  for (TensorInfo& tensor : read_safetensors_header(file, file_index)) contents.tensors.push_back({std::move(tensor)});
  return contents;
}

}  // namespace

std::unique_ptr<TensorSource> open_safetensors(const std::filesystem::path& path) {
  return open_file_tensors(path, read_contents);
}

std::unique_ptr<TensorSource> open_safetensors_index(const std::filesystem::path& index_path) {
  return open_indexed_tensors(index_path, read_contents, /*exact_size=*/true);
}

}  // namespace skald
