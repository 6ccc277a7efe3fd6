// What models with latent attention share: its sizes in config.json and its weights by the checkpoint's names.
#pragma once

#include <cstdint>
#include <string>

#include "models/config.h"
#include "nn/latent_attention.h"
#include "nn/state.h"
#include "nn/weight_source.h"

namespace skald::models {

/// Sizes and choices of latent attention. Names are those of config.json.
struct LatentConfig {
  std::int64_t q_lora_rank = 0;  // 0: queries are one product of the hidden state
  std::int64_t kv_lora_rank = 0;
  std::int64_t qk_nope_head_dim = 0;
  std::int64_t qk_rope_head_dim = 0;  // the decoder config's head_dim
  std::int64_t v_head_dim = 0;
  float scale = 1;  // of scores
  bool rope_interleave = true;
  bool attention_bias = false;
};

/// Where a config is silent: the defaults of transformers' DeepseekV3Config. `decoder` was read with head_dim
/// qk_rope_head_dim. Throws FormatError that names key, value and rule.
LatentConfig read_latent_config(const json::Fields& fields, const DecoderConfig& decoder);

/// qk_rope_head_dim, which is the head_dim of the rotary positions.
std::int64_t read_rope_head_dim(const json::Fields& fields);

/// The block whose weights stand under `prefix` ("model.layers.0.self_attn."). kv_b_proj takes no adapters: only its
/// parts per head are multiplied, one of them transposed.
nn::LatentAttention latent_attention(const LatentConfig& config, const DecoderConfig& decoder,
                                     const std::string& prefix, nn::WeightSource& weights);

/// One latent group of `n_layers` layers.
nn::StateLayout latent_layout(const LatentConfig& config, std::int64_t n_layers);

}  // namespace skald::models
