// What can be said of a model without its weights.
#pragma once

#include <optional>
#include <string>

#include "skald/model.h"

namespace skald::engine {

/// Reads config.json and the headers of the weights; checks that the model would load. `tokenizer`: the folder's.
ModelInfo inspect_model(const std::string& path, const std::optional<Tokenizer>& tokenizer);

}  // namespace skald::engine
