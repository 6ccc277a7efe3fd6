// What decoders of the Llama kind share: how their blocks ask for weights by the checkpoint's names.
#pragma once

#include <cstdint>
#include <string>

#include "models/config.h"
#include "models/decoder_model.h"
#include "nn/blocks.h"
#include "nn/rope.h"
#include "nn/weight_source.h"

namespace skald::models {

/// What the program needs to know of a model with this config.
ModelShape rotary_shape(const DecoderConfig& config, const nn::Rope& rope);

/// q_proj, k_proj, v_proj (or qkv_proj), o_proj and, with qk_norm, q_norm and k_norm under `prefix`
/// ("model.layers.0.self_attn."), with the window of `layer` and scores scaled by 1 / sqrt(head_dim).
nn::SelfAttention rotary_attention(const DecoderConfig& config, const nn::Rope& rope, std::int64_t layer,
                                   const std::string& prefix, nn::WeightSource& weights);

/// gate_proj and up_proj (or gate_up_proj), and down_proj under `prefix` ("model.layers.0.mlp.").
nn::Mlp gated_mlp(const DecoderConfig& config, const std::string& prefix, nn::WeightSource& weights);

/// lm_head, or the embedding where the two are tied.
nn::Linear language_model_head(const DecoderConfig& config, nn::WeightSource& weights);

}  // namespace skald::models
