#include "models/config_file.h"

#include <filesystem>

#include "base/file.h"
#include "formats/gguf_model.h"
#include "json/flat_yaml.h"

namespace skald::models {

ConfigFile read_config_file(const std::string& folder) {
  const std::filesystem::path path(folder);
  if (is_gguf_file(path)) return {read_gguf_config(*open_gguf(path)), path};
  std::error_code ignored;
  if (!std::filesystem::exists(path / "config.json", ignored)) {
    for (const char* const name : {"config.yaml", "config.yml", "model.yaml"}) {
      if (!std::filesystem::exists(path / name, ignored)) continue;
      const std::string file = path / name;
      json::Object settings = json::parse_flat_yaml(read_text_file(file, json::kConfigLimits.bytes), file).as_object();
      settings.insert(settings.begin(), {"model_type", "fundamentallm"});
      return {std::move(settings), file};
    }
  }
  const std::string file = path / "config.json";
  return {json::parse_file(file, json::kConfigLimits), file};
}

}  // namespace skald::models
