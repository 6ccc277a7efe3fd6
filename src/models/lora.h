// Low-rank adapters as PEFT stores them: adapter_config.json and adapter_model.safetensors or .bin.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "models/decoder_model.h"

namespace skald::models {

/// One PEFT folder, and a factor of its own scale.
struct LoraPart {
  std::string folder;
  float scale = 1;
};

/// Reads the adapters in the parts' folders and adds their sum to `model` as one adapter; returns its number for
/// nn::Row::adapter. Scale of each: lora_alpha / r, or lora_alpha / sqrt(r) with use_rslora, times the part's;
/// rank_pattern and alpha_pattern by the ends of module names. Weights are in adapter_model.safetensors, else
/// adapter_model.bin. Throws UnsupportedError for other kinds of adapter (DoRA, biases, embeddings, modules_to_save),
/// FormatError for tensors that do not fit the model. Not while a pass runs.
std::int32_t load_lora(const std::vector<LoraPart>& parts, DecoderModel& model);

}  // namespace skald::models
