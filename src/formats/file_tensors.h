// Tensors that lie in files of which only a header has to be understood: one file, or shards named by an index.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/thread_pool.h"
#include "formats/tensor_source.h"

namespace skald {

/// A tensor as a file has it.
struct StoredTensor {
  TensorInfo info;
  /// Not empty: it is a view of what is stored from info.offset on, with these strides in elements; the tensor that
  /// read() gives is row-major.
  std::vector<std::uint64_t> strides = {};
};

/// Bytes whose CRC-32 the file tells.
struct StoredSum {
  std::string name;
  int file = 0;
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
  std::uint32_t sum = 0;
};

struct FileContents {
  std::vector<StoredTensor> tensors;
  std::vector<StoredSum> sums = {};
};

/// Reads what a file holds, all of it checked; the tensors lie in the source's file `file_index`.
using ContentsReader = FileContents(const File& file, int file_index);

/// One file.
std::unique_ptr<TensorSource> open_file_tensors(const std::filesystem::path& path, ContentsReader* read);

/// The shards that an index (model.safetensors.index.json, pytorch_model.bin.index.json) names; they lie in its folder.
/// `exact_size`: its total_size must be what the tensors take. Throws FormatError and PathError that name the index.
std::unique_ptr<TensorSource> open_indexed_tensors(const std::filesystem::path& index_path, ContentsReader* read,
                                                   bool exact_size);

/// Compares what is stored with the checksums that the format has; sources of other kinds have none. Throws FormatError
/// where one is wrong.
void check_sums(const TensorSource& source, ThreadPool& pool);

}  // namespace skald
