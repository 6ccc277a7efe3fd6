// StarCoder2: layer norms, biases and an MLP without a gate on Llama's attention.
// Reference: transformers/models/starcoder2/modeling_starcoder2.py
#include "models/decoder_parts.h"
#include "models/registry.h"

namespace skald::models {

std::unique_ptr<DecoderModel> make_starcoder2(const json::Fields& fields, nn::WeightSource& w) {
  DecoderConfig c = read_decoder_config(fields, {.n_kv_heads = 2,
                                                 .max_positions = 4096,
                                                 .norm_eps = 1e-5,
                                                 .activation = "gelu_pytorch_tanh",
                                                 .tie_word_embeddings = true,
                                                 .norm_eps_key = "norm_epsilon"});
  c.qkv_bias = c.o_bias = c.mlp_bias = fields.get_bool("use_bias").value_or(true);
  c.windows.assign(c.windows.size(), read_window(fields, /*unsaid=*/0));
  const auto hidden = static_cast<std::size_t>(c.hidden_size);
  DecoderParts parts = begin_decoder(c, w);
  for (std::int64_t i = 0; i < c.n_layers; ++i) {
    const std::string p = layer_prefix("model.layers.", i);
    DecoderParts::Layer& layer = parts.layers[static_cast<std::size_t>(i)];
    layer.self_norm = w.layer_norm(p + "input_layernorm", hidden, c.norm_eps);
    layer.self = rotary_attention(c, parts.ropes.front(), i, p + "self_attn.", w);
    layer.mlp_norm = w.layer_norm(p + "post_attention_layernorm", hidden, c.norm_eps);
    layer.mlp = plain_mlp(c, p + "mlp.c_fc", p + "mlp.c_proj", w);
  }
  parts.final_norm = w.layer_norm("model.norm", hidden, c.norm_eps);
  parts.head = language_model_head(c, w);
  return make_decoder(std::move(parts));
}

}  // namespace skald::models
