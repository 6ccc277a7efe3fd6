// A model in one GGUF file, seen as the checkpoint that it was converted from: its config.json, and its tensors under
// their names there, as they were before the conversion.
#pragma once

#include <filesystem>
#include <memory>

#include "formats/gguf.h"
#include "json/value.h"

namespace skald {

/// Whether `path` is a regular file that begins as GGUF files do.
bool is_gguf_file(const std::filesystem::path& path);

/// config.json, with the special tokens and the sampling settings of generation_config.json. Throws FormatError,
/// LimitError or UnsupportedError that names the file, the key, the value and the rule.
json::Value read_gguf_config(const GgufFile& file);

/// The tensors of the file at `path` under the checkpoint's names. What the conversion changed is undone: rows are put
/// back when they are read, also those in blocks; TensorInfo::transposed stands for turned matrices; experts are
/// tensors of their own. Tensors that the architecture's table lacks keep their names.
std::unique_ptr<TensorSource> open_gguf_weights(const std::filesystem::path& path);

}  // namespace skald
