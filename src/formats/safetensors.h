// safetensors: 8 bytes of header length, a JSON header, the tensors' bytes. https://huggingface.co/docs/safetensors
//
//   [n: u64][header: n bytes of JSON, padded with spaces][data]
//   header: {"__metadata__": {string: string}, name: {"dtype": "F32", "shape": [2, 3], "data_offsets": [begin, end]},
//   ...}
//
// The offsets count from the start of the data; the tensors fill the data without gap or overlap.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

#include "base/file.h"
#include "formats/tensor_source.h"

namespace skald {

/// Reads and checks the header of `file`: the tensors in file order, with `file_index` as their file. Throws
/// FormatError, LimitError or UnsupportedError that names the file, the tensor and the rule.
std::vector<TensorInfo> read_safetensors_header(const File& file, int file_index = 0);

/// One file.
std::unique_ptr<TensorSource> open_safetensors(const std::filesystem::path& path);

/// The shards that an index (model.safetensors.index.json) names; they lie in its folder.
std::unique_ptr<TensorSource> open_safetensors_index(const std::filesystem::path& index_path);

}  // namespace skald
