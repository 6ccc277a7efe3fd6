// Persimmon: GPT-NeoX's layers one block after the other, norms that all heads of q (or k) share, an MLP of squared
// ReLU. Reference: transformers/models/persimmon/modeling_persimmon.py
#include "models/decoder_parts.h"
#include "models/registry.h"

namespace skald::models {

std::unique_ptr<DecoderModel> make_persimmon(const json::Fields& fields, nn::WeightSource& w) {
  DecoderConfig c = read_decoder_config(fields, {.max_positions = 16384,
                                                 .norm_eps = 1e-5,
                                                 .activation = "relu2",
                                                 .partial_rotary = true,
                                                 .partial_rotary_factor = 0.5,
                                                 .norm_eps_key = "layer_norm_eps"});
  c.qkv_bias = c.o_bias = c.mlp_bias = true;
  const bool qk_norm = fields.get_bool("qk_layernorm").value_or(true);
  const auto norm = [&](const std::string& name) {
    return w.layer_norm(name, static_cast<std::size_t>(c.hidden_size), c.norm_eps);
  };
  const AttentionNames names{.o = "dense", .qkv = "query_key_value", .fused = AttentionNames::Fused::by_group};
  DecoderParts parts = begin_decoder(c, w);
  for (std::int64_t i = 0; i < c.n_layers; ++i) {
    const std::string p = layer_prefix("model.layers.", i);
    DecoderParts::Layer& layer = parts.layers[static_cast<std::size_t>(i)];
    layer.self_norm = norm(p + "input_layernorm");
    layer.self = self_attention(c, i, p + "self_attn.", names, w);
    layer.self.rotary_half = parts.ropes.front().half();
    if (qk_norm) {
      layer.self.q_norms = {w.layer_norm(p + "self_attn.q_layernorm", layer.self.spec.k_dim, c.norm_eps)};
      layer.self.k_norms = {w.layer_norm(p + "self_attn.k_layernorm", layer.self.spec.k_dim, c.norm_eps)};
    }
    layer.mlp_norm = norm(p + "post_attention_layernorm");
    layer.mlp = plain_mlp(c, p + "mlp.dense_h_to_4h", p + "mlp.dense_4h_to_h", w);
  }
  parts.final_norm = norm("model.final_layernorm");
  parts.head = language_model_head(c, w);
  return make_decoder(std::move(parts));
}

}  // namespace skald::models
