// Weights in blocks within a safetensors file: what its metadata says of them.
//
// safetensors has no dtype for blocks. Such a tensor is stored as U8 [..., rows, bytes of a row], and __metadata__ says
//
//   "skald.blocks.NAME": "int4 of 2048"              NAME is then [..., rows, 2048] in blocks of that format
//   "skald.blocks.NAME": "int4 of 2048 transposed"   the same of what the model calls [..., 2048, rows]
//
// The last block of a row may reach beyond its end.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "formats/tensor_source.h"
#include "json/value.h"

namespace skald {

/// What begins the keys of such entries.
inline constexpr std::string_view kBlocksKey = "skald.blocks.";

/// The value for rows of `inputs` weights in blocks of `format`.
std::string blocks_entry(const quant::BlockFormat& format, std::uint64_t inputs, bool transposed);

/// Gives the `tensors` of `file` the blocks that `metadata`, an object of strings, says they are in. Throws FormatError
/// for an entry of no tensor or of one that holds no such blocks, UnsupportedError for a format that is not known.
void apply_block_metadata(const std::string& file, const json::Value& metadata, std::vector<TensorInfo>& tensors);

}  // namespace skald
