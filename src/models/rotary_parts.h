// What decoders share: how their blocks ask for weights by the checkpoint's names. The names that need not be said are
// those of Llama.
#pragma once

#include <cstdint>
#include <string>

#include "models/config.h"
#include "models/decoder_model.h"
#include "nn/blocks.h"
#include "nn/rope.h"
#include "nn/weight_source.h"

namespace skald::models {

/// What the program needs to know of a model with this config, and of one whose positions are rotary.
ModelShape decoder_shape(const DecoderConfig& config);
ModelShape rotary_shape(const DecoderConfig& config, const nn::Rope& rope);

/// How a checkpoint stores and names the projections of attention.
struct AttentionNames {
  enum class Fused {
    none,
    stacked,   // qkv has all queries, then all keys, then all values
    by_group,  // qkv has, for each head of keys, its queries, its keys and its values
  };
  std::string q = "q_proj";
  std::string k = "k_proj";
  std::string v = "v_proj";
  std::string o = "o_proj";
  std::string qkv = "qkv_proj";
  Fused fused = Fused::none;
  bool transposed = false;  // [inputs, outputs]
};

/// The projections under `prefix` ("model.layers.0.self_attn."), with the window of `layer` and scores scaled by
/// 1 / sqrt(head_dim). No positions are rotated yet.
nn::SelfAttention self_attention(const DecoderConfig& config, std::int64_t layer, const std::string& prefix,
                                 const AttentionNames& names, nn::WeightSource& weights);

/// The same by Llama's names (fused_projections: Phi-3's), rotated and, with qk_norm, with q_norm and k_norm.
nn::SelfAttention rotary_attention(const DecoderConfig& config, const nn::Rope& rope, std::int64_t layer,
                                   const std::string& prefix, nn::WeightSource& weights);

/// What a checkpoint calls the three weights of a gated MLP.
struct GatedNames {
  std::string gate = "gate_proj";
  std::string up = "up_proj";
  std::string down = "down_proj";
};

/// A gated MLP under `prefix` ("model.layers.0.mlp."); with fused_projections gate and up stand in gate_up_proj.
nn::Mlp gated_mlp(const DecoderConfig& config, const std::string& prefix, nn::WeightSource& weights,
                  const GatedNames& names = {});

/// An MLP without a gate: `up` and `down` are the whole names of its products.
nn::Mlp plain_mlp(const DecoderConfig& config, const std::string& up, const std::string& down,
                  nn::WeightSource& weights);

/// What a checkpoint calls the two that may be tied, without ".weight".
struct HeadNames {
  std::string embedding = "model.embed_tokens";
  std::string head = "lm_head";
  bool bias = false;        // `head`.bias, also where they are tied
  std::int64_t inputs = 0;  // 0: hidden_size
};

/// The head, which is the embedding where the two are tied.
nn::Linear language_model_head(const DecoderConfig& config, nn::WeightSource& weights, const HeadNames& names = {});

}  // namespace skald::models
