// Where the settings of a model stand.
#pragma once

#include <string>

#include "json/value.h"

namespace skald::models {

struct ConfigFile {
  json::Value value;
  std::string path;
};

/// config.json of a folder; where there is none, the config.yaml or model.yaml of a FundamentaLLM model, or what stands in
/// its final_model.pt or best.pt: to these `model_type` is added. Of a GGUF file, what its metadata says; of a PyTorch
/// checkpoint named by itself, what stands in it, else in a file beside it. Throws PathError, FormatError, LimitError, or
/// UnsupportedError for YAML that is not flat.
ConfigFile read_config_file(const std::string& path);

}  // namespace skald::models
