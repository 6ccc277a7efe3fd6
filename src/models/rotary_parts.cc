#include "models/rotary_parts.h"

#include <cmath>

namespace skald::models {
namespace {

std::size_t size(std::int64_t n) { return static_cast<std::size_t>(n); }

}  // namespace

ModelShape decoder_shape(const DecoderConfig& c) {
  ModelShape shape;
  shape.model_type = c.model_type;
  shape.n_layers = c.n_layers;
  shape.hidden_size = c.hidden_size;
  shape.n_heads = c.n_heads;
  shape.vocab_size = c.vocab_size;
  shape.max_positions = c.max_positions;
  shape.tied_embeddings = c.tie_word_embeddings;
  return shape;
}

ModelShape rotary_shape(const DecoderConfig& c, const nn::Rope& rope) {
  ModelShape shape = decoder_shape(c);
  shape.long_rope_from = rope.long_from();
  shape.length_dependent_rope = rope.length_dependent();
  shape.same_rope_to = c.max_positions;
  return shape;
}

nn::SelfAttention self_attention(const DecoderConfig& c, std::int64_t layer, const std::string& prefix,
                                 const AttentionNames& names, nn::WeightSource& w) {
  using Fused = AttentionNames::Fused;
  const std::size_t hidden = size(c.hidden_size);
  const std::size_t head = size(c.head_dim);
  const std::size_t q_width = size(c.n_heads) * head;
  const std::size_t kv_width = size(c.n_kv_heads) * head;
  const std::size_t queries = q_width / size(c.n_kv_heads);  // of one group
  // `first` output of the whole, and in a group the first and how many.
  const auto project = [&](const std::string& name, std::size_t width, std::size_t first, std::size_t in_group) {
    nn::Part part;
    if (names.fused == Fused::stacked) part = nn::stacked(q_width + 2 * kv_width, first);
    if (names.fused == Fused::by_group) {
      part = {.outputs = q_width + 2 * kv_width,
              .first = in_group,
              .run = in_group == 0 ? queries : head,
              .stride = queries + 2 * head};
    }
    part.transposed = names.transposed;
    return w.linear(prefix + (names.fused == Fused::none ? name : names.qkv), width, hidden, c.qkv_bias, part);
  };
  nn::SelfAttention attention;
  attention.q_proj = project(names.q, q_width, 0, 0);
  attention.k_proj = project(names.k, kv_width, q_width, queries);
  attention.v_proj = project(names.v, kv_width, q_width + kv_width, queries + head);
  attention.o_proj = w.linear(prefix + names.o, hidden, q_width, c.o_bias, {.transposed = names.transposed});
  attention.spec = {.n_heads = size(c.n_heads),
                    .kv_heads = size(c.n_kv_heads),
                    .k_dim = head,
                    .v_dim = head,
                    .scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(c.head_dim))),
                    .window = c.windows[size(layer)]};
  return attention;
}

nn::SelfAttention rotary_attention(const DecoderConfig& c, const nn::Rope& rope, std::int64_t layer,
                                   const std::string& prefix, nn::WeightSource& w) {
  AttentionNames names;
  if (c.fused_projections) names.fused = AttentionNames::Fused::stacked;
  nn::SelfAttention attention = self_attention(c, layer, prefix, names, w);
  if (c.qk_norm) {
    attention.q_norms = {w.rms_norm(prefix + "q_norm", size(c.head_dim), c.norm_eps)};
    attention.k_norms = {w.rms_norm(prefix + "k_norm", size(c.head_dim), c.norm_eps)};
  }
  attention.rotary_half = rope.half();
  return attention;
}

nn::Mlp gated_mlp(const DecoderConfig& c, const std::string& prefix, nn::WeightSource& w, const GatedNames& names) {
  const std::size_t hidden = size(c.hidden_size);
  const std::size_t width = size(c.intermediate_size);
  nn::Mlp mlp;
  const auto project = [&](const std::string& name, std::size_t first) {
    if (!c.fused_projections) return w.linear(prefix + name, width, hidden, c.mlp_bias);
    return w.linear(prefix + "gate_up_proj", width, hidden, c.mlp_bias, nn::stacked(2 * width, first));
  };
  mlp.gate_proj = project(names.gate, 0);
  mlp.up_proj = project(names.up, width);
  mlp.down_proj = w.linear(prefix + names.down, hidden, width, c.mlp_bias);
  mlp.activation = c.activation;
  return mlp;
}

nn::Mlp plain_mlp(const DecoderConfig& c, const std::string& up, const std::string& down, nn::WeightSource& w) {
  const std::size_t hidden = size(c.hidden_size);
  const std::size_t width = size(c.intermediate_size);
  nn::Mlp mlp;
  mlp.up_proj = w.linear(up, width, hidden, c.mlp_bias);
  mlp.down_proj = w.linear(down, hidden, width, c.mlp_bias);
  mlp.activation = c.activation;
  mlp.times_input = c.squared;
  return mlp;
}

nn::Linear language_model_head(const DecoderConfig& c, nn::WeightSource& w, const HeadNames& names) {
  w.leave("*rotary_emb.inv_freq");  // older checkpoints store them
  const std::size_t vocab = size(c.vocab_size);
  const std::size_t inputs = size(names.inputs > 0 ? names.inputs : c.hidden_size);
  if (!c.tie_word_embeddings) return w.linear(names.head, vocab, inputs, names.bias);
  w.leave(names.head + ".weight");
  nn::Linear tied = w.linear(names.embedding, vocab, inputs);
  if (!names.bias) return tied;
  return {
      w.matrix(names.embedding + ".weight", vocab, inputs), w.vector(names.head + ".bias", vocab), tied.adapters(), {}};
}

}  // namespace skald::models
