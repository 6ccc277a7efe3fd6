// Where the settings of a model stand.
#pragma once

#include <string>

#include "json/value.h"

namespace skald::models {

struct ConfigFile {
  json::Value value;
  std::string path;
};

/// config.json of `folder`; where there is none, the config.yaml or model.yaml of a FundamentaLLM model, to which
/// `model_type` is added. Of a GGUF file, what its metadata says. Throws PathError, FormatError, LimitError, or
/// UnsupportedError for YAML that is not flat.
ConfigFile read_config_file(const std::string& folder);

}  // namespace skald::models
