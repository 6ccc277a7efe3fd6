// The public face, include/skald/quantize.h.
#include "skald/quantize.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <string_view>

#include "base/file.h"
#include "base/partial_file.h"
#include "engine/folder.h"
#include "formats/gguf_model.h"
#include "formats/tensor_source.h"
#include "formats/torch_checkpoint.h"
#include "json/value.h"
#include "models/config.h"
#include "models/config_file.h"
#include "models/quantize.h"
#include "skald/error.h"

namespace skald {
namespace {

namespace fs = std::filesystem;

constexpr const char* kWeights = "model.safetensors";
constexpr const char* kConfig = "config.json";
constexpr const char* kTwice = "the model is quantised already: quantise the original weights";

// The text of config.json with a last member more; all else stays as it was written. Empty where the model has its
// settings in another file.
std::string with_quantization(const fs::path& path, int bits) {
  std::error_code ignored;
  if (!fs::exists(path, ignored)) return {};
  std::string text = read_text_file(path, json::kConfigLimits.bytes);
  const json::Value config = json::parse(text, path, json::kConfigLimits);
  if (!config.is_object()) throw FormatError({.file = path, .rule = "must be an object"});
  if (config.find("quantization_config") != nullptr)
    throw UnsupportedError({.file = path, .field = "quantization_config", .rule = kTwice});
  const bool empty = config.as_object().empty();
  const std::size_t end = text.find_last_not_of(" \t\r\n", text.rfind('}') - 1) + 1;
  text.resize(end);
  return text + (empty ? "" : ",") + "\n  \"quantization_config\": {\"bits\": " + std::to_string(bits) +
         ", \"quant_method\": \"" + std::string(models::kQuantMethod) + "\"}\n}\n";
}

void make_folder(const fs::path& out, const fs::path& from, bool overwrite) {
  std::error_code error;
  if (fs::equivalent(from, out, error)) {
    throw PathError(PathError::Kind::io, {.file = out, .rule = "is the model itself: name another folder"});
  }
  fs::create_directories(out, error);
  if (error) {
    const bool denied = error == std::errc::permission_denied;
    throw PathError(denied ? PathError::Kind::permission : PathError::Kind::io,
                    {.file = out, .rule = "cannot make the folder: " + error.message()});
  }
  if (overwrite || !fs::exists(out / kWeights, error)) return;
  throw PathError(PathError::Kind::io, {.file = out / kWeights, .rule = "exists already: --force replaces it"});
}

void write_text(const fs::path& path, std::string_view text) {
  PartialFile file(path);
  file.write(std::as_bytes(std::span(text)));
  file.finish();
}

// Small files that are no weights: the tokenizer, the template, settings, the licence.
void copy_the_rest(const fs::path& from, const fs::path& out) {
  constexpr std::array<std::string_view, 7> kKinds = {".json", ".model", ".txt", ".jinja", ".md", ".yaml", ".yml"};
  for (const fs::directory_entry& entry : fs::directory_iterator(from)) {
    const std::string name = entry.path().filename().native();
    const bool licence = name.starts_with("LICENSE") || name.starts_with("NOTICE") || name.starts_with("USE_POLICY");
    const bool wanted = licence || std::ranges::any_of(kKinds, [&](auto kind) { return name.ends_with(kind); });
    if (!wanted || !entry.is_regular_file() || name == kConfig || name.ends_with(".index.json")) continue;
    fs::copy_file(entry.path(), out / name, fs::copy_options::overwrite_existing);
  }
}

// Settings that stand in the checkpoint itself have no file to copy.
void write_settings_inside(const std::string& path, const fs::path& out) {
  const models::ConfigFile config = models::read_config_file(path);
  if (is_torch_file(config.path)) write_text(out / kConfig, json::dump(config.value) + "\n");
}

}  // namespace

QuantizeResult quantize(const std::string& path, const std::string& out, const QuantizeOptions& options) {
  if (options.bits != 8 && options.bits != 4) {
    throw OptionError({.field = "--bits", .value = std::to_string(options.bits), .rule = "must be 8 or 4"});
  }
  if (is_gguf_file(path)) {
    throw UnsupportedError({.file = path,
                            .rule = "is a GGUF file: quantise the folder that it was made from, or load it with "
                                    "--bits " +
                                    std::to_string(options.bits)});
  }
  engine::require_model(path);
  const fs::path folder = engine::folder_of(path);
  const std::string config = with_quantization(folder / kConfig, options.bits);
  make_folder(out, folder, options.overwrite);
  ThreadPool pool(options.threads);
  const models::QuantizedWeights done =
      models::quantize_weights(path, options.bits, fs::path(out) / kWeights, pool, options.progress);
  try {
    copy_the_rest(folder, out);
    write_settings_inside(path, out);
  } catch (const fs::filesystem_error& error) {
    throw PathError(PathError::Kind::io, {.file = error.path2().native(), .rule = error.code().message()});
  }
  if (!config.empty()) write_text(fs::path(out) / kConfig, config);
  return {.bytes_before = done.bytes_before, .bytes_after = done.bytes_after, .kept_matrices = done.kept_matrices};
}

}  // namespace skald
