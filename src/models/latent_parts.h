// What models with latent attention share: sizes in config.json, weights by the checkpoint's names, the decoder itself.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "base/function_ref.h"
#include "models/config.h"
#include "models/decoder_model.h"
#include "models/expert_parts.h"
#include "models/rotary_parts.h"
#include "nn/experts.h"
#include "nn/latent_attention.h"
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

/// `shared` experts that every row goes to, which are one of so many times the width; none where `shared` is 0.
std::optional<nn::Expert> shared_experts(const ExpertSizes& sizes, std::int64_t shared, const std::string& prefix,
                                         nn::WeightSource& weights, bool bias = false);

/// Groups of experts, of which a row goes to the best: n_group and topk_group of config.json.
struct ExpertGroups {
  std::int64_t n = 1;
  std::int64_t best = 1;
};

/// Throws FormatError where they do not cut `sizes` into equal groups of `least` or more, or where the best ones hold
/// fewer experts than a row goes to.
ExpertGroups read_expert_groups(const json::Fields& fields, const ExpertSizes& sizes, std::int64_t least,
                                const ExpertGroups& unsaid);

/// A decoder of Llama's names whose attention is latent. kv_b_proj takes no adapters: only its parts per head are
/// multiplied, one of them transposed. `block` gives what stands behind the attention of each layer, whose weights are
/// under `prefix`, "model.layers.0.mlp.".
using LatentBlock = std::variant<nn::Mlp, nn::Experts>;
using MakeLatentBlock = FunctionRef<LatentBlock(std::int64_t layer, const std::string& prefix)>;
std::unique_ptr<DecoderModel> make_latent_decoder(const LatentConfig& config, const DecoderConfig& decoder,
                                                  MakeLatentBlock block, nn::WeightSource& weights);

}  // namespace skald::models
