#include "formats/tensor_source.h"

#include <algorithm>

#include "base/log.h"
#include "formats/gguf_model.h"
#include "formats/safetensors.h"
#include "skald/error.h"

namespace skald {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSingle = "model.safetensors";
constexpr const char* kIndex = "model.safetensors.index.json";

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
  const std::string wanted = std::string("needs ") + kSingle + " or " + kIndex;
  if (found.empty()) {
    throw PathError(PathError::Kind::not_found,
                    ErrorFields{.file = folder.native(), .rule = "the folder has no weights: " + wanted});
  }
  const bool safetensors =
      std::any_of(found.begin(), found.end(), [](const auto& n) { return n.ends_with(".safetensors"); });
  const bool gguf = std::any_of(found.begin(), found.end(), [](const auto& n) { return n.ends_with(".gguf"); });
  throw UnsupportedError(ErrorFields{
      .file = folder.native(),
      .rule =
          "the folder holds " + join(found) + ", Skald " + wanted +
          (safetensors || gguf ? ": name the file itself, or rename it"
                               : ": other formats are not read yet; with transformers, load the model and save it with "
                                 "save_pretrained(folder)")});
}

// Says which weights are read where a folder has several sets.
void note_the_others(const fs::path& folder, const std::string& taken, const std::vector<std::string>& found) {
  std::vector<std::string> others;
  for (const std::string& name : found) {
    const bool other_set = name == kIndex || !ends_with_any(name, {".safetensors", ".safetensors.index.json"});
    if (name != taken && other_set) others.push_back(name);
  }
  if (others.empty()) return;
  log_notice(LogLevel::info, folder.native() + ": reading " + taken + ", not " + join(others));
}

std::unique_ptr<TensorSource> open_folder(const fs::path& folder) {
  const auto found = list_weight_files(folder);
  for (const std::string name : {kSingle, kIndex}) {
    if (!std::binary_search(found.begin(), found.end(), name)) continue;
    note_the_others(folder, name, found);
    return name == kIndex ? open_safetensors_index(folder / name) : open_safetensors(folder / name);
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
  return path.native().ends_with(".index.json") ? open_safetensors_index(path) : open_safetensors(path);
}

}  // namespace skald
