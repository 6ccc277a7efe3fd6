#include "formats/tensor_source.h"

#include <algorithm>
#include <array>

#include "base/log.h"
#include "formats/gguf_model.h"
#include "formats/mxfp4_pairs.h"
#include "formats/safetensors.h"
#include "formats/torch_checkpoint.h"
#include "skald/error.h"

namespace skald {
namespace {

namespace fs = std::filesystem;

// Files of weights that a folder is read from, the first one that is there.
struct WeightFile {
  std::string_view name;
  std::unique_ptr<TensorSource> (*open)(const fs::path& path);
};

std::unique_ptr<TensorSource> open_whole(const fs::path& path) { return with_mxfp4_pairs(open_safetensors(path)); }
std::unique_ptr<TensorSource> open_shards(const fs::path& path) {
  return with_mxfp4_pairs(open_safetensors_index(path));
}

constexpr std::array<WeightFile, 6> kWeightFiles = {{
    {"model.safetensors", open_whole},
    {"model.safetensors.index.json", open_shards},
    {"pytorch_model.bin", open_torch},
    {"pytorch_model.bin.index.json", open_torch_index},
    {"final_model.pt", open_torch},
    {"best.pt", open_torch},
}};

bool ends_with_any(const std::string& name, std::initializer_list<std::string_view> endings) {
  return std::any_of(endings.begin(), endings.end(), [&](std::string_view e) { return name.ends_with(e); });
}

// Names of the weight files of any format in a folder, ascending.
std::vector<std::string> list_weight_files(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().native();
    if (ends_with_any(name, {".safetensors", ".safetensors.index.json", ".bin", ".bin.index.json", ".gguf", ".pt",
                             ".pth", ".h5", ".msgpack", ".onnx"})) {
      names.push_back(name);
    }
  }
  if (error) {
    const bool denied = error == std::errc::permission_denied;
    throw PathError(denied ? PathError::Kind::permission : PathError::Kind::io,
                    ErrorFields{.file = folder.native(), .rule = "cannot list the folder: " + error.message()});
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string join(const std::vector<std::string>& names) {
  constexpr std::size_t kMost = 4;
  std::string out;
  for (std::size_t i = 0; i < std::min(names.size(), kMost); ++i) out += (i > 0 ? ", " : "") + quoted(names[i]);
  if (names.size() > kMost) out += " and " + std::to_string(names.size() - kMost) + " more";
  return out;
}

[[noreturn]] void fail_without_weights(const fs::path& folder, const std::vector<std::string>& found) {
  const std::string wanted = "needs model.safetensors, pytorch_model.bin, or the index of one's shards";
  if (found.empty()) {
    throw PathError(PathError::Kind::not_found,
                    ErrorFields{.file = folder.native(), .rule = "the folder has no weights: " + wanted});
  }
  const bool readable = std::ranges::any_of(found, [](const auto& n) {
    return ends_with_any(n, {".safetensors", ".gguf", ".bin", ".pt", ".pth"});
  });
  throw UnsupportedError(ErrorFields{
      .file = folder.native(),
      .rule = "the folder holds " + join(found) + ", Skald " + wanted +
              (readable ? ": name the file itself, or rename it"
                        : ": other formats are not read; with transformers, load the model and save it with "
                          "save_pretrained(folder)")});
}

// Says which weights are read where a folder has several sets; shards and other files of the same kind are no set.
void note_the_others(const fs::path& folder, const std::string& taken, const std::vector<std::string>& found) {
  const auto kind = [](std::string_view name) {
    if (name.ends_with(".index.json")) name.remove_suffix(std::string_view(".index.json").size());
    return name.substr(name.rfind('.'));
  };
  std::vector<std::string> others;
  for (const std::string& name : found) {
    const bool other_set = name.ends_with(".index.json") || kind(name) != kind(taken);
    if (name != taken && other_set) others.push_back(name);
  }
  if (others.empty()) return;
  log_notice(LogLevel::info, folder.native() + ": reading " + taken + ", not " + join(others));
}

std::unique_ptr<TensorSource> open_folder(const fs::path& folder) {
  const auto found = list_weight_files(folder);
  for (const WeightFile& file : kWeightFiles) {
    if (!std::ranges::binary_search(found, file.name)) continue;
    note_the_others(folder, std::string(file.name), found);
    return file.open(folder / file.name);
  }
  fail_without_weights(folder, found);
}

}  // namespace

std::string shape_text(std::span<const std::uint64_t> shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) text += (i > 0 ? "," : "") + std::to_string(shape[i]);
  return text + "]";
}

std::string_view stored_type_name(const TensorInfo& tensor) {
  return tensor.block != nullptr ? tensor.block->name : dtype_name(tensor.dtype);
}

bool holds_floats(const TensorInfo& tensor) { return tensor.block != nullptr || converts_to_float(tensor.dtype); }

StoredUnit stored_unit(const TensorInfo& tensor) {
  if (tensor.block != nullptr) return {.numbers = tensor.block->block, .bytes = tensor.block->bytes};
  return {.numbers = 1, .bytes = static_cast<std::size_t>(dtype_bits(tensor.dtype)) / 8};
}

void read_floats(const TensorInfo& tensor, std::span<const std::byte> stored, std::span<float> out) {
  if (tensor.block == nullptr) return convert_to_float(tensor.dtype, stored, out);
  const quant::BlockFormat& block = *tensor.block;
  for (std::size_t i = 0; i < stored.size() / block.bytes; ++i) {
    block.unpack(stored.data() + i * block.bytes, out.data() + i * block.block);
  }
}

const TensorInfo* TensorSource::find(std::string_view name) const {
  const auto all = tensors();
  const auto at = std::lower_bound(all.begin(), all.end(), name,
                                   [](const TensorInfo& a, std::string_view wanted) { return a.name < wanted; });
  return at != all.end() && at->name == name ? &*at : nullptr;
}

std::unique_ptr<TensorSource> open_tensor_source(const fs::path& path) {
  std::error_code error;
  if (fs::is_directory(path, error)) return open_folder(path);
  if (is_gguf_file(path)) return open_gguf_weights(path);
  const std::string& name = path.native();
  if (name.ends_with(".bin.index.json")) return open_torch_index(path);
  if (name.ends_with(".index.json")) return open_shards(path);
  return is_torch_file(path) ? open_torch(path) : open_whole(path);
}

}  // namespace skald
