// Fields of transformers' GenerationConfig that are no options here (yet): known by name, refused where they matter.
#pragma once

#include <string>
#include <string_view>

#include "json/value.h"

namespace skald::decode {

struct ForeignOption {
  std::string_view name;
  /// JSON texts of the values that do not change what is generated, separated by spaces; "*": every value.
  std::string_view harmless;
};

/// nullptr where transformers has no such field either.
const ForeignOption* find_foreign_option(std::string_view name);

/// Throws OptionError ("num_beams = 4: not available in this version") where `value` would change the result.
void check_foreign_option(const ForeignOption& option, const json::Value& value, const std::string& file);

}  // namespace skald::decode
