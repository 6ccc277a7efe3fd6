// Fields of transformers' GenerationConfig (and arguments of its generate()) that are no options here: those that say
// how it computes are accepted with a note of what holds here, those that would change the text are refused by name.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "json/value.h"
#include "skald/generation_config.h"

namespace skald::decode {

struct ForeignOption {
  enum class Kind { refused, boolean, count, object, name };  // how it is handled; else: the type of a noted one
  std::string_view name;
  /// JSON texts of the values that need no word, separated by spaces; "*": every value.
  std::string_view harmless;
  Kind kind = Kind::refused;
  /// Noted: what holds here. Refused: what to do instead.
  std::string_view note = {};
};

/// nullptr where transformers has no such field either.
const ForeignOption* find_foreign_option(std::string_view name);

/// The foreign options that are accepted with a note.
std::span<const ForeignOption> foreign_options();

/// Whether the JSON text `value` stands in a list as that of ForeignOption::harmless.
bool lists_value(std::string_view list, std::string_view value);

/// Keeps a noted option in config.passive. Throws OptionError ("use_mtp = true: ...") where `value` would change the
/// result, and where it has the wrong type.
void take_foreign_option(GenerationConfig& config, const ForeignOption& option, const json::Value& value,
                         const std::string& file);

/// What a person typed for a noted option, as JSON; a value that is none of its type stays a text.
json::Value parse_foreign(const ForeignOption& option, std::string_view text);

}  // namespace skald::decode
