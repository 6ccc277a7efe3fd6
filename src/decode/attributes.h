// The library of attributes that a text can be guided to: share/attributes.json.
#pragma once

#include <span>

#include "skald/generation_config.h"

namespace skald::decode {

std::span<const Attribute> attribute_library();

}  // namespace skald::decode
