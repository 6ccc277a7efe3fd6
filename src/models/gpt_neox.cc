// GPT-NeoX and Pythia: attention and MLP side by side, each behind a layer norm of its own; partly rotated heads; q, k
// and v by head in one projection. Reference: transformers/models/gpt_neox/modeling_gpt_neox.py
#include "models/decoder_parts.h"
#include "models/registry.h"

namespace skald::models {

std::unique_ptr<DecoderModel> make_gpt_neox(const json::Fields& fields, nn::WeightSource& w) {
  DecoderConfig c = read_decoder_config(fields, {.max_positions = 2048,
                                                 .norm_eps = 1e-5,
                                                 .activation = "gelu",
                                                 .partial_rotary = true,
                                                 .partial_rotary_factor = 0.25,
                                                 .norm_eps_key = "layer_norm_eps",
                                                 .theta_key = "rotary_emb_base",
                                                 .partial_rotary_key = "rotary_pct"});
  c.qkv_bias = c.o_bias = fields.get_bool("attention_bias").value_or(true);
  c.mlp_bias = true;
  const auto hidden = static_cast<std::size_t>(c.hidden_size);
  const AttentionNames names{.o = "dense", .qkv = "query_key_value", .fused = AttentionNames::Fused::by_group};
  DecoderParts parts = begin_decoder(c, w, "gpt_neox.embed_in");
  parts.parallel = fields.get_bool("use_parallel_residual").value_or(true);
  for (std::int64_t i = 0; i < c.n_layers; ++i) {
    const std::string p = layer_prefix("gpt_neox.layers.", i);
    DecoderParts::Layer& layer = parts.layers[static_cast<std::size_t>(i)];
    layer.self_norm = w.layer_norm(p + "input_layernorm", hidden, c.norm_eps);
    layer.self = self_attention(c, i, p + "attention.", names, w);
    layer.self.rotary_half = parts.ropes.front().half();
    layer.mlp_norm = w.layer_norm(p + "post_attention_layernorm", hidden, c.norm_eps);
    layer.mlp = plain_mlp(c, p + "mlp.dense_h_to_4h", p + "mlp.dense_4h_to_h", w);
  }
  parts.final_norm = w.layer_norm("gpt_neox.final_layer_norm", hidden, c.norm_eps);
  // The Hub's name, or that of transformers' module.
  const std::string head = w.has("embed_out.weight") ? "embed_out" : "lm_head";
  parts.head = language_model_head(c, w, {.embedding = "gpt_neox.embed_in", .head = head});
  w.leave("embed_out.weight");
  w.leave("*.attention.bias");  // masks that older checkpoints store
  w.leave("*.attention.masked_bias");
  return make_decoder(std::move(parts));
}

}  // namespace skald::models
