// Low-rank adapters as PEFT stores them: adapter_config.json and adapter_model.safetensors.
#pragma once

#include <cstdint>
#include <string>

#include "models/decoder_model.h"

namespace skald::models {

/// Reads the adapter in `folder` and adds it to `model`; returns its number for nn::Row::adapter. Scale: lora_alpha /
/// r, or lora_alpha / sqrt(r) with use_rslora; rank_pattern and alpha_pattern by the ends of module names. Throws
/// UnsupportedError for other kinds of adapter (DoRA, biases, embeddings, modules_to_save), FormatError for tensors
/// that do not fit the model. Not while a pass runs.
std::int32_t load_lora(const std::string& folder, DecoderModel& model);

}  // namespace skald::models
