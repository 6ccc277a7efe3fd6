// YAML as far as settings need it that are nothing but names and plain values.
#pragma once

#include <string>
#include <string_view>

#include "json/value.h"

namespace skald::json {

/// Lines `key: value`, comments and a leading `---`, as an object. Values are null, true, false, numbers as in JSON, or
/// strings, quoted or not. Whatever else YAML has (nesting, lists, anchors, tags, escapes, blocks) is refused with its
/// line: UnsupportedError; a line that is no setting or a key that comes twice: FormatError. `file` names it in errors.
Value parse_flat_yaml(std::string_view text, const std::string& file);

}  // namespace skald::json
