// The Llama family: llama, mistral, qwen2, qwen3.
#pragma once

#include <memory>

#include "models/registry.h"

namespace skald::models {

std::unique_ptr<DecoderModel> make_llama(const json::Fields& config, nn::WeightSource& weights);
std::unique_ptr<DecoderModel> make_mistral(const json::Fields& config, nn::WeightSource& weights);
std::unique_ptr<DecoderModel> make_qwen2(const json::Fields& config, nn::WeightSource& weights);
std::unique_ptr<DecoderModel> make_qwen3(const json::Fields& config, nn::WeightSource& weights);

}  // namespace skald::models
