// Falcon: q, k and v in one projection, by groups (new decoder architecture), by head, or with one head of keys for
// all; attention and MLP side by side or not; rotary positions or ALiBi.
// Reference: transformers/models/falcon/modeling_falcon.py
#include <cmath>

#include "models/decoder_parts.h"
#include "models/registry.h"

namespace skald::models {
namespace {

struct FalconConfig : DecoderConfig {
  bool alibi = false;
  bool new_decoder_architecture = false;
  bool parallel_attn = true;
  bool two_norms = false;  // side by side, each behind a norm of its own
};

FalconConfig read_config(const json::Fields& fields) {
  const auto flag = [&](std::string_view key, bool unsaid) { return fields.get_bool(key).value_or(unsaid); };
  const bool alibi = flag("alibi", false);
  FalconConfig c{read_decoder_config(fields, {.max_positions = 2048,
                                              .norm_eps = 1e-5,
                                              .activation_key = "activation",
                                              .activation = "gelu",
                                              .tie_word_embeddings = true,
                                              .rotary = !alibi,
                                              .inner_per_hidden = 4,
                                              .inner_key = "ffn_hidden_size",
                                              .norm_eps_key = "layer_norm_epsilon"})};
  c.alibi = alibi;
  c.new_decoder_architecture = flag("new_decoder_architecture", false);
  c.parallel_attn = flag("parallel_attn", true);
  c.n_kv_heads = c.n_heads;
  if (c.new_decoder_architecture) {
    c.n_kv_heads = fields.get_integer("num_kv_heads", 1, c.n_heads).value_or(c.n_heads);
    c.two_norms = fields.get_integer("num_ln_in_parallel_attn", 1, 2).value_or(2) == 2;
    if (c.n_heads % c.n_kv_heads != 0) fields.fail("num_kv_heads", "must divide num_attention_heads");
    if (!c.parallel_attn) fields.fail("parallel_attn", "must be true with new_decoder_architecture");
  } else if (flag("multi_query", true)) {
    c.n_kv_heads = 1;
  }
  c.qkv_bias = c.o_bias = c.mlp_bias = flag("bias", false);
  return c;
}

nn::SelfAttention read_attention(const FalconConfig& c, std::int64_t i, const std::string& p, nn::WeightSource& w) {
  const AttentionNames names{.o = "dense", .qkv = "query_key_value", .fused = AttentionNames::Fused::by_group};
  nn::SelfAttention attention = self_attention(c, i, p + "self_attention.", names, w);
  if (!c.alibi) {
    attention.rotary_half = static_cast<std::size_t>(c.rope.rotary_dim()) / 2;
    return attention;
  }
  attention.spec.bias = nn::AttentionSpec::Bias::alibi;
  attention.spec.alibi_slopes = nn::alibi_slopes(attention.spec.n_heads);
  for (float& slope : attention.spec.alibi_slopes) slope *= attention.spec.scale;  // the biases are scaled as well
  return attention;
}

}  // namespace

std::unique_ptr<DecoderModel> make_falcon(const json::Fields& fields, nn::WeightSource& w) {
  const FalconConfig c = read_config(fields);
  const std::string embedding = "transformer.word_embeddings";
  DecoderParts parts = begin_decoder(c, w, embedding);
  parts.parallel = c.parallel_attn;
  for (std::int64_t i = 0; i < c.n_layers; ++i) {
    const std::string p = layer_prefix("transformer.h.", i);
    const auto norm = [&](const char* name) {
      return w.layer_norm(p + name, static_cast<std::size_t>(c.hidden_size), c.norm_eps);
    };
    DecoderParts::Layer& layer = parts.layers[static_cast<std::size_t>(i)];
    layer.self_norm = norm(c.two_norms ? "ln_attn" : "input_layernorm");
    layer.self = read_attention(c, i, p, w);
    layer.mlp_norm = layer.self_norm;
    if (c.two_norms) layer.mlp_norm = norm("ln_mlp");
    if (!c.parallel_attn) layer.mlp_norm = norm("post_attention_layernorm");
    layer.mlp = plain_mlp(c, p + "mlp.dense_h_to_4h", p + "mlp.dense_4h_to_h", w);
  }
  parts.final_norm = w.layer_norm("transformer.ln_f", static_cast<std::size_t>(c.hidden_size), c.norm_eps);
  parts.head = language_model_head(c, w, {.embedding = embedding});
  return make_decoder(std::move(parts));
}

}  // namespace skald::models
