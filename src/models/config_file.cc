#include "models/config_file.h"

#include <algorithm>
#include <filesystem>
#include <optional>

#include "base/file.h"
#include "formats/gguf_model.h"
#include "formats/torch_checkpoint.h"
#include "json/flat_yaml.h"
#include "skald/error.h"

namespace skald::models {

namespace {

namespace fs = std::filesystem;

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

// Settings of a FundamentaLLM model: they do not say what they are of.
ConfigFile fundamentallm(json::Object settings, const std::string& path) {
  const auto same = std::ranges::find(settings, "model_type", &json::Member::key);
  if (same == settings.end()) settings.insert(settings.begin(), {"model_type", "fundamentallm"});
  return {std::move(settings), path};
}

std::optional<ConfigFile> read_yaml(const fs::path& path) {
  if (!is_there(path)) return std::nullopt;
  const std::string& file = path.native();
  return fundamentallm(json::parse_flat_yaml(read_text_file(file, json::kConfigLimits.bytes), file).as_object(), file);
}

std::optional<ConfigFile> read_inside(const fs::path& checkpoint) {
  const std::optional<json::Value> settings = read_torch_settings(checkpoint);
  if (!settings) return std::nullopt;
  return fundamentallm(settings->as_object(), checkpoint.native());
}

// Of a checkpoint by itself: what stands in it, else beside it.
ConfigFile read_config_of(const fs::path& checkpoint) {
  if (auto inside = read_inside(checkpoint)) return std::move(*inside);
  const fs::path folder = checkpoint.parent_path();
  fs::path same_name = checkpoint;
  for (const fs::path& path : {same_name.replace_extension(".yaml"), same_name.replace_extension(".yml"),
                               folder / "config.yaml", folder / "config.yml", folder / "model.yaml"}) {
    if (auto beside = read_yaml(path)) return std::move(*beside);
  }
  const fs::path file = folder / "config.json";
  if (is_there(file)) return {json::parse_file(file.native(), json::kConfigLimits), file.native()};
  throw PathError(
      PathError::Kind::not_found,
      {.file = checkpoint.native(),
       .rule = "says nothing of its model: it has no model_config inside, and no model.yaml, config.yaml or "
               "config.json stands beside it"});
}

[[noreturn]] void fail_without_config(const fs::path& folder) {
  const bool adapter = is_there(folder / "adapter_config.json");
  throw PathError(PathError::Kind::not_found,
                  {.file = folder.native(),
                   .rule = adapter ? "is a LoRA adapter: name the model that it was made for, and this with --lora"
                                   : "is no model's folder: it has no config.json"});
}

}  // namespace

ConfigFile read_config_file(const std::string& path) {
  if (is_gguf_file(path)) return {read_gguf_config(*open_gguf(path)), path};
  if (is_torch_file(path)) return read_config_of(path);
  const fs::path folder(path);
  if (!is_there(folder / "config.json")) {
    for (const char* const name : {"config.yaml", "config.yml", "model.yaml"}) {
      if (auto settings = read_yaml(folder / name)) return std::move(*settings);
    }
    for (const char* const name : {"final_model.pt", "best.pt"}) {
      if (!is_there(folder / name)) continue;
      if (auto settings = read_inside(folder / name)) return std::move(*settings);
    }
  }
  const std::string file = folder / "config.json";
  if (is_there(folder) && !is_there(file)) fail_without_config(folder);
  return {json::parse_file(file, json::kConfigLimits), file};
}

}  // namespace skald::models
