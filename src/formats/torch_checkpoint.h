// Checkpoints of PyTorch as torch.save writes them since 1.6: a ZIP archive of one pickle and the tensors' storages.
//
//   NAME/data.pkl, NAME/data/0, NAME/data/1, ..., NAME/byteorder, NAME/version
//
// Nothing in them is run: the pickle can only make plain data and tensors (formats/torch_pickle.h).
#pragma once

#include <filesystem>
#include <memory>
#include <optional>

#include "formats/tensor_source.h"
#include "json/value.h"

namespace skald {

/// Whether `path` is a regular file that is, or is called like, a PyTorch checkpoint.
bool is_torch_file(const std::filesystem::path& path);

/// The tensors of the state dict: the pickle itself, or its `model_state`, `state_dict`, `model_state_dict`, `model` or
/// `module`; prefixes that wrappers put before all names ("module.", "_orig_mod.") are taken off. Throws FormatError
/// and LimitError for a malformed one; UnsupportedError for what is no state dict, compressed, big-endian, or of a
/// format before 1.6, with the command that converts it.
std::unique_ptr<TensorSource> open_torch(const std::filesystem::path& path);

/// The shards that an index (pytorch_model.bin.index.json) names; they lie in its folder.
std::unique_ptr<TensorSource> open_torch_index(const std::filesystem::path& index_path);

/// The settings that stand in the checkpoint of a FundamentaLLM model, beside its `model_state`: its `config`, else its
/// `model_config`. Nothing for any other file.
std::optional<json::Value> read_torch_settings(const std::filesystem::path& path);

}  // namespace skald
