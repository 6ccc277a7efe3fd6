// StableLM: layer norms and partly rotated heads on Llama's form; in the 12 B model attention and MLP side by side, and
// norms on q and k that differ from head to head. Reference: transformers/models/stablelm/modeling_stablelm.py
#include "models/decoder_parts.h"
#include "models/registry.h"

namespace skald::models {

std::unique_ptr<DecoderModel> make_stablelm(const json::Fields& fields, nn::WeightSource& w) {
  DecoderConfig c = read_decoder_config(fields, {.n_kv_heads = 32,
                                                 .max_positions = 4096,
                                                 .norm_eps = 1e-5,
                                                 .partial_rotary = true,
                                                 .partial_rotary_factor = 0.25,
                                                 .norm_eps_key = "layer_norm_eps"});
  c.qkv_bias = fields.get_bool("use_qkv_bias").value_or(false);
  const bool qk_norm = fields.get_bool("qk_layernorm").value_or(false);
  const auto hidden = static_cast<std::size_t>(c.hidden_size);
  const auto head_norms = [&](const std::string& name, std::int64_t heads) {
    std::vector<nn::Norm> norms;
    for (std::int64_t h = 0; qk_norm && h < heads; ++h) {
      norms.push_back(w.layer_norm(name + ".norms." + std::to_string(h), static_cast<std::size_t>(c.head_dim),
                                   c.norm_eps, /*bias=*/false));
    }
    return norms;
  };
  DecoderParts parts = begin_decoder(c, w);
  parts.parallel = fields.get_bool("use_parallel_residual").value_or(false);
  for (std::int64_t i = 0; i < c.n_layers; ++i) {
    const std::string p = layer_prefix("model.layers.", i);
    DecoderParts::Layer& layer = parts.layers[static_cast<std::size_t>(i)];
    layer.self_norm = w.layer_norm(p + "input_layernorm", hidden, c.norm_eps);
    layer.self = rotary_attention(c, parts.ropes.front(), i, p + "self_attn.", w);
    layer.self.q_norms = head_norms(p + "self_attn.q_layernorm", c.n_heads);
    layer.self.k_norms = head_norms(p + "self_attn.k_layernorm", c.n_kv_heads);
    layer.mlp_norm = layer.self_norm;
    if (!parts.parallel) layer.mlp_norm = w.layer_norm(p + "post_attention_layernorm", hidden, c.norm_eps);
    layer.mlp = gated_mlp(c, p + "mlp.", w);
  }
  parts.final_norm = w.layer_norm("model.norm", hidden, c.norm_eps);
  parts.head = language_model_head(c, w);
  return make_decoder(std::move(parts));
}

}  // namespace skald::models
