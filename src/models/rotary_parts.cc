#include "models/rotary_parts.h"

#include <cmath>

namespace skald::models {
namespace {

std::size_t size(std::int64_t n) { return static_cast<std::size_t>(n); }

}  // namespace

ModelShape rotary_shape(const DecoderConfig& c, const nn::Rope& rope) {
  ModelShape shape;
  shape.model_type = c.model_type;
  shape.n_layers = c.n_layers;
  shape.hidden_size = c.hidden_size;
  shape.n_heads = c.n_heads;
  shape.vocab_size = c.vocab_size;
  shape.max_positions = c.max_positions;
  shape.tied_embeddings = c.tie_word_embeddings;
  shape.long_rope_from = rope.long_from();
  shape.length_dependent_rope = rope.length_dependent();
  shape.same_rope_to = c.max_positions;
  return shape;
}

nn::SelfAttention rotary_attention(const DecoderConfig& c, const nn::Rope& rope, std::int64_t layer,
                                   const std::string& prefix, nn::WeightSource& w) {
  const std::size_t hidden = size(c.hidden_size);
  const std::size_t q_width = size(c.n_heads * c.head_dim);
  const std::size_t kv_width = size(c.n_kv_heads * c.head_dim);
  nn::SelfAttention attention;
  const auto project = [&](const char* name, std::size_t width, std::size_t first) {
    if (!c.fused_projections) return w.linear(prefix + name, width, hidden, c.qkv_bias);
    return w.linear(prefix + "qkv_proj", width, hidden, c.qkv_bias, nn::stacked(q_width + 2 * kv_width, first));
  };
  attention.q_proj = project("q_proj", q_width, 0);
  attention.k_proj = project("k_proj", kv_width, q_width);
  attention.v_proj = project("v_proj", kv_width, q_width + kv_width);
  attention.o_proj = w.linear(prefix + "o_proj", hidden, q_width, c.o_bias);
  if (c.qk_norm) {
    attention.q_norm = w.rms_norm(prefix + "q_norm", size(c.head_dim), c.rms_norm_eps);
    attention.k_norm = w.rms_norm(prefix + "k_norm", size(c.head_dim), c.rms_norm_eps);
  }
  attention.rotary_half = rope.half();
  attention.spec = {.n_heads = size(c.n_heads),
                    .kv_heads = size(c.n_kv_heads),
                    .k_dim = size(c.head_dim),
                    .v_dim = size(c.head_dim),
                    .scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(c.head_dim))),
                    .window = c.windows[size(layer)]};
  return attention;
}

nn::Mlp gated_mlp(const DecoderConfig& c, const std::string& prefix, nn::WeightSource& w) {
  const std::size_t hidden = size(c.hidden_size);
  const std::size_t width = size(c.intermediate_size);
  nn::Mlp mlp;
  const auto project = [&](const char* name, std::size_t first) {
    if (!c.fused_projections) return w.linear(prefix + name, width, hidden, c.mlp_bias);
    return w.linear(prefix + "gate_up_proj", width, hidden, c.mlp_bias, nn::stacked(2 * width, first));
  };
  mlp.gate_proj = project("gate_proj", 0);
  mlp.up_proj = project("up_proj", width);
  mlp.down_proj = w.linear(prefix + "down_proj", hidden, width, c.mlp_bias);
  mlp.activation = c.activation;
  return mlp;
}

nn::Linear language_model_head(const DecoderConfig& c, nn::WeightSource& w) {
  w.leave("*rotary_emb.inv_freq");  // older checkpoints store them
  if (c.tie_word_embeddings) w.leave("lm_head.weight");
  return w.linear(c.tie_word_embeddings ? "model.embed_tokens" : "lm_head", size(c.vocab_size), size(c.hidden_size));
}

}  // namespace skald::models
