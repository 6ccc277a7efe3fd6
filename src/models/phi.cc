// Phi-1, Phi-1.5 and Phi-2: attention and MLP side by side behind one layer norm, partly rotated heads, biases
// everywhere. Reference: transformers/models/phi/modeling_phi.py
#include "models/decoder_parts.h"
#include "models/registry.h"

namespace skald::models {

std::unique_ptr<DecoderModel> make_phi(const json::Fields& fields, nn::WeightSource& w) {
  DecoderConfig c = read_decoder_config(fields, {.max_positions = 2048,
                                                 .norm_eps = 1e-5,
                                                 .activation = "gelu_new",
                                                 .partial_rotary = true,
                                                 .partial_rotary_factor = 0.5,
                                                 .norm_eps_key = "layer_norm_eps"});
  c.qkv_bias = c.o_bias = c.mlp_bias = true;
  const bool qk_norm = fields.get_bool("qk_layernorm").value_or(false);
  const auto hidden = static_cast<std::size_t>(c.hidden_size);
  DecoderParts parts = begin_decoder(c, w);
  parts.parallel = true;
  for (std::int64_t i = 0; i < c.n_layers; ++i) {
    const std::string p = layer_prefix("model.layers.", i);
    DecoderParts::Layer& layer = parts.layers[static_cast<std::size_t>(i)];
    layer.self_norm = layer.mlp_norm = w.layer_norm(p + "input_layernorm", hidden, c.norm_eps);
    layer.self = self_attention(c, i, p + "self_attn.", {.o = "dense"}, w);
    layer.self.rotary_half = parts.ropes.front().half();
    if (qk_norm) {
      layer.self.q_norms = {w.layer_norm(p + "self_attn.q_layernorm", layer.self.spec.k_dim, c.norm_eps)};
      layer.self.k_norms = {w.layer_norm(p + "self_attn.k_layernorm", layer.self.spec.k_dim, c.norm_eps)};
    }
    layer.mlp = plain_mlp(c, p + "mlp.fc1", p + "mlp.fc2", w);
  }
  parts.final_norm = w.layer_norm("model.final_layernorm", hidden, c.norm_eps);
  parts.head = language_model_head(c, w, {.bias = true});
  return make_decoder(std::move(parts));
}

}  // namespace skald::models
