// watermarking_config as JSON.
#pragma once

#include <string>

#include "json/value.h"
#include "skald/generation_config.h"

namespace skald::decode {

/// Throws OptionError that names the field below `name`, its value and its range.
WatermarkingConfig read_watermarking_config(const json::Value& value, const std::string& file, std::string_view name);
json::Value watermarking_to_json(const WatermarkingConfig& config);

}  // namespace skald::decode
