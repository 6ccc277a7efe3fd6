// GPT-J: attention and MLP side by side behind one layer norm; neighbouring numbers of a head are rotated together.
// Reference: transformers/models/gptj/modeling_gptj.py
#include "models/decoder_parts.h"
#include "models/registry.h"

namespace skald::models {
namespace {

// rotary_dim of a head, by a table of n_positions rows.
nn::RopeSettings read_rope(const json::Fields& fields, const DecoderConfig& c) {
  nn::RopeSettings rope;
  rope.head_dim = fields.get_integer("rotary_dim", 2, kMaxWidth).value_or(64);
  rope.max_positions = c.max_positions;
  if (rope.head_dim % 2 != 0 || rope.head_dim > c.head_dim) {
    fields.fail("rotary_dim", "must be even and at most n_embd / n_head, which is " + std::to_string(c.head_dim));
  }
  return rope;
}

}  // namespace

std::unique_ptr<DecoderModel> make_gptj(const json::Fields& fields, nn::WeightSource& w) {
  DecoderConfig c = read_decoder_config(fields, {.max_positions = 2048,
                                                 .norm_eps = 1e-5,
                                                 .activation_key = "activation_function",
                                                 .activation = "gelu_new",
                                                 .rotary = false,
                                                 .inner_per_hidden = 4,
                                                 .hidden_key = "n_embd",
                                                 .layers_key = "n_layer",
                                                 .heads_key = "n_head",
                                                 .inner_key = "n_inner",
                                                 .positions_key = "n_positions",
                                                 .norm_eps_key = "layer_norm_epsilon"});
  c.rope = read_rope(fields, c);
  c.mlp_bias = true;
  const auto hidden = static_cast<std::size_t>(c.hidden_size);
  DecoderParts parts = begin_decoder(c, w, "transformer.wte");
  parts.shape.hard_limit = true;
  parts.parallel = true;
  for (std::int64_t i = 0; i < c.n_layers; ++i) {
    const std::string p = layer_prefix("transformer.h.", i);
    DecoderParts::Layer& layer = parts.layers[static_cast<std::size_t>(i)];
    layer.self_norm = layer.mlp_norm = w.layer_norm(p + "ln_1", hidden, c.norm_eps);
    layer.self = self_attention(c, i, p + "attn.", {.o = "out_proj"}, w);
    layer.self.rotary_half = parts.ropes.front().half();
    layer.self.interleaved = true;
    layer.mlp = plain_mlp(c, p + "mlp.fc_in", p + "mlp.fc_out", w);
  }
  parts.final_norm = w.layer_norm("transformer.ln_f", hidden, c.norm_eps);
  parts.head = language_model_head(c, w, {.embedding = "transformer.wte", .bias = true});
  w.leave("*.attn.bias");  // masks that older checkpoints store
  w.leave("*.attn.masked_bias");
  return make_decoder(std::move(parts));
}

}  // namespace skald::models
