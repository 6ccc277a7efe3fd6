// Which tokens begin, end and pad texts: from the files beside tokenizer.json.
#pragma once

#include <string>

#include "text/tokenizer.h"

namespace skald::text {

/// Reads tokenizer_config.json and special_tokens_map.json of `folder`, whichever is there. A role whose token is
/// not in the vocabulary stays empty.
SpecialTokens read_roles(const std::string& folder, const Tokenizer& tokenizer);

}  // namespace skald::text
