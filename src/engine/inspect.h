// What can be said of a model without its weights.
#pragma once

#include <string>

#include "skald/model.h"

namespace skald::engine {

/// Reads config.json, the headers of the weights and the tokenizer's files; checks that the model would load.
ModelInfo inspect_model(const std::string& path);

}  // namespace skald::engine
