// Recipes: options that go together, by the name of what they are for.
#pragma once

#include <string>

#include "skald/generation_config.h"

namespace skald::cli {

/// The options of the preset `name`. Throws OptionError that lists the names.
GenerationConfig preset(const std::string& name);

/// "creative (max_new_tokens 200, temperature 0.8, ...); factual (...)", for --help.
std::string preset_list();

/// "creative, factual, ..."
std::string preset_names();

}  // namespace skald::cli
