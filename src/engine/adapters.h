// What a person writes for the adapters of a model.
#pragma once

#include <string>
#include <vector>

#include "models/lora.h"

namespace skald::engine {

/// The folders, with their scales, that make an adapter: "DIR", "DIR=0.5", or several of these with commas between
/// them, which are summed. Its name (engine/prepare.h) is "first+second". Throws OptionError for a scale that is no
/// number in
/// [-100, 100].
std::vector<models::LoraPart> adapter_parts(const std::string& adapter);

}  // namespace skald::engine
