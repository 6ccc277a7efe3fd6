// OPT: learned positions, layer norms before the blocks or (350 M) after them, where embeddings are also narrower than
// the stream. Reference: transformers/models/opt/modeling_opt.py
#include "models/decoder_parts.h"
#include "models/registry.h"

namespace skald::models {
namespace {

constexpr float kEpsilon = 1e-5F;

}  // namespace

std::unique_ptr<DecoderModel> make_opt(const json::Fields& fields, nn::WeightSource& w) {
  DecoderConfig c = read_decoder_config(fields, {.max_positions = 2048,
                                                 .activation_key = "activation_function",
                                                 .activation = "relu",
                                                 .tie_word_embeddings = true,
                                                 .rotary = false,
                                                 .inner_key = "ffn_dim"});
  c.qkv_bias = c.o_bias = c.mlp_bias = fields.get_bool("enable_bias").value_or(true);
  const bool gains = fields.get_bool("layer_norm_elementwise_affine").value_or(true);
  const auto norm = [&](const std::string& name) {
    return gains ? w.layer_norm(name, static_cast<std::size_t>(c.hidden_size), kEpsilon)
                 : bare_layer_norm(c.hidden_size, kEpsilon);
  };
  const std::string d = "model.decoder.";
  const std::int64_t width = fields.get_integer("word_embed_proj_dim", 1, kMaxWidth).value_or(c.hidden_size);
  DecoderParts parts = begin_decoder(c, w, d + "embed_tokens", width);
  if (width != c.hidden_size) {
    const auto narrow = static_cast<std::size_t>(width);
    parts.widen = w.linear(d + "project_in", static_cast<std::size_t>(c.hidden_size), narrow);
    parts.narrow = w.linear(d + "project_out", narrow, static_cast<std::size_t>(c.hidden_size));
  }
  add_position_table(parts, d + "embed_positions", /*offset=*/2, w);
  parts.norms_after = !fields.get_bool("do_layer_norm_before").value_or(true);
  for (std::int64_t i = 0; i < c.n_layers; ++i) {
    const std::string p = layer_prefix(d + "layers.", i);
    DecoderParts::Layer& layer = parts.layers[static_cast<std::size_t>(i)];
    layer.self_norm = norm(p + "self_attn_layer_norm");
    layer.self = self_attention(c, i, p + "self_attn.", {.o = "out_proj"}, w);
    layer.mlp_norm = norm(p + "final_layer_norm");
    layer.mlp = plain_mlp(c, p + "fc1", p + "fc2", w);
  }
  const bool last = !parts.norms_after && !fields.get_bool("_remove_final_layer_norm").value_or(false);
  if (last) parts.final_norm = norm(d + "final_layer_norm");
  parts.head = language_model_head(c, w, {.embedding = d + "embed_tokens", .inputs = width});
  return make_decoder(std::move(parts));
}

}  // namespace skald::models
