// From what a person types to a model's folder.
#pragma once

#include <string>

#include "skald/export.h"

namespace skald {

/// The folder of the model called `name`: a path is its own answer; "organisation/model" or
/// "organisation/model@revision", where no such path exists, is looked up in this machine's Hugging Face cache
/// ($HF_HUB_CACHE, $HF_HOME/hub, $XDG_CACHE_HOME/huggingface/hub or ~/.cache/huggingface/hub; the revision is "main"
/// unless given). Nothing is downloaded. Throws PathError where neither exists.
SKALD_API std::string find_model(const std::string& name);

}  // namespace skald
