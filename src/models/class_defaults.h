// What transformers' configuration classes say of generation where a config.json is silent.
#pragma once

#include <cstdint>

#include "json/value.h"

namespace skald::models {

/// decoder_start_token_id of the class that `config` is of, or -1: it has none, or the config speaks of it itself (null
/// is a word).
std::int64_t class_decoder_start(const json::Value& config);

}  // namespace skald::models
