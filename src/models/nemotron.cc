// Nemotron: layer norms with gains stored as 1 + w, partly rotated heads, an MLP of squared ReLU without a gate.
// Reference: transformers/models/nemotron/modeling_nemotron.py
#include "models/decoder_parts.h"
#include "models/registry.h"

namespace skald::models {

std::unique_ptr<DecoderModel> make_nemotron(const json::Fields& fields, nn::WeightSource& w) {
  DecoderConfig c = read_decoder_config(fields, {.max_positions = 4096,
                                                 .norm_eps = 1e-5,
                                                 .activation = "relu2",
                                                 .partial_rotary = true,
                                                 .partial_rotary_factor = 0.5,
                                                 .norm_eps_key = "norm_eps"});
  c.qkv_bias = c.o_bias = fields.get_bool("attention_bias").value_or(false);
  c.mlp_bias = fields.get_bool("mlp_bias").value_or(false);
  const auto norm = [&](const std::string& name) {
    return w.layer_norm(name, static_cast<std::size_t>(c.hidden_size), c.norm_eps, /*bias=*/true, /*offset=*/1);
  };
  DecoderParts parts = begin_decoder(c, w);
  for (std::int64_t i = 0; i < c.n_layers; ++i) {
    const std::string p = layer_prefix("model.layers.", i);
    DecoderParts::Layer& layer = parts.layers[static_cast<std::size_t>(i)];
    layer.self_norm = norm(p + "input_layernorm");
    layer.self = rotary_attention(c, parts.ropes.front(), i, p + "self_attn.", w);
    layer.mlp_norm = norm(p + "post_attention_layernorm");
    layer.mlp = plain_mlp(c, p + "mlp.up_proj", p + "mlp.down_proj", w);
  }
  parts.final_norm = norm("model.norm");
  parts.head = language_model_head(c, w);
  return make_decoder(std::move(parts));
}

}  // namespace skald::models
