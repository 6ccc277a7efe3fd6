// GPT-BigCode (SantaCoder, StarCoder): GPT-2 with one head of keys for all queries, its weights the usual way round.
// Reference: transformers/models/gpt_bigcode/modeling_gpt_bigcode.py
#include "models/decoder_parts.h"
#include "models/registry.h"

namespace skald::models {

std::unique_ptr<DecoderModel> make_gpt_bigcode(const json::Fields& fields, nn::WeightSource& w) {
  DecoderConfig c = read_decoder_config(fields, {.max_positions = 1024,
                                                 .norm_eps = 1e-5,
                                                 .activation_key = "activation_function",
                                                 .activation = "gelu_pytorch_tanh",
                                                 .tie_word_embeddings = true,
                                                 .rotary = false,
                                                 .inner_per_hidden = 4,
                                                 .hidden_key = "n_embd",
                                                 .layers_key = "n_layer",
                                                 .heads_key = "n_head",
                                                 .inner_key = "n_inner",
                                                 .positions_key = "n_positions",
                                                 .norm_eps_key = "layer_norm_epsilon"});
  c.qkv_bias = c.o_bias = c.mlp_bias = true;
  c.n_kv_heads = fields.get_bool("multi_query").value_or(true) ? 1 : c.n_heads;
  const bool scaled = fields.get_bool("scale_attn_weights").value_or(true);
  const auto hidden = static_cast<std::size_t>(c.hidden_size);
  const AttentionNames names{.o = "c_proj", .qkv = "c_attn", .fused = AttentionNames::Fused::by_group};
  DecoderParts parts = begin_decoder(c, w, "transformer.wte");
  add_position_table(parts, "transformer.wpe", /*offset=*/0, w);
  for (std::int64_t i = 0; i < c.n_layers; ++i) {
    const std::string p = layer_prefix("transformer.h.", i);
    DecoderParts::Layer& layer = parts.layers[static_cast<std::size_t>(i)];
    layer.self_norm = w.layer_norm(p + "ln_1", hidden, c.norm_eps);
    layer.self = self_attention(c, i, p + "attn.", names, w);
    if (!scaled) layer.self.spec.scale = 1;
    layer.mlp_norm = w.layer_norm(p + "ln_2", hidden, c.norm_eps);
    layer.mlp = plain_mlp(c, p + "mlp.c_fc", p + "mlp.c_proj", w);
  }
  parts.final_norm = w.layer_norm("transformer.ln_f", hidden, c.norm_eps);
  parts.head = language_model_head(c, w, {.embedding = "transformer.wte"});
  w.leave("*.attn.bias");  // masks that older checkpoints store
  return make_decoder(std::move(parts));
}

}  // namespace skald::models
