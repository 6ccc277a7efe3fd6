// GLM-4 and GLM-4-0414: Llama with partly rotated heads, of which neighbouring numbers are rotated together, and gate
// and up in one weight.
//   glm4: norms behind the blocks too
// Reference: transformers/models/{glm,glm4}/modeling_*.py
#include "models/decoder_parts.h"
#include "models/registry.h"

namespace skald::models {
namespace {

DecoderParts glm_parts(const json::Fields& fields, nn::WeightSource& w) {
  DecoderConfig c = read_decoder_config(fields, {.n_kv_heads = 2,
                                                 .head_dim = 128,
                                                 .max_positions = 131072,
                                                 .norm_eps = 0.00000015625,
                                                 .partial_rotary = true,
                                                 .partial_rotary_factor = 0.5});
  c.qkv_bias = fields.get_bool("attention_bias").value_or(true);
  DecoderConfig mlp = c;
  mlp.fused_projections = true;
  DecoderParts parts = llama_parts(c, w, [&](std::int64_t /*i*/, const std::string& prefix, auto& layer) {
    layer.mlp = gated_mlp(mlp, prefix + "mlp.", w);
  });
  for (DecoderParts::Layer& layer : parts.layers) layer.self.interleaved = true;
  return parts;
}

}  // namespace

std::unique_ptr<DecoderModel> make_glm(const json::Fields& fields, nn::WeightSource& w) {
  return make_decoder(glm_parts(fields, w));
}

std::unique_ptr<DecoderModel> make_glm4(const json::Fields& fields, nn::WeightSource& w) {
  DecoderParts parts = glm_parts(fields, w);
  const float epsilon = read_epsilon(fields, "rms_norm_eps", 0.00000015625);
  for (std::size_t i = 0; i < parts.layers.size(); ++i) {
    const std::string p = layer_prefix("model.layers.", static_cast<std::int64_t>(i));
    const auto hidden = static_cast<std::size_t>(parts.shape.hidden_size);
    parts.layers[i].self_end_norm = w.rms_norm(p + "post_self_attn_layernorm", hidden, epsilon);
    parts.layers[i].mlp_end_norm = w.rms_norm(p + "post_mlp_layernorm", hidden, epsilon);
  }
  return make_decoder(std::move(parts));
}

}  // namespace skald::models
