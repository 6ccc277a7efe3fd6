// MPT: ALiBi, layer norms without biases, q, k and v in one projection, no biases at all.
// Reference: transformers/models/mpt/modeling_mpt.py
#include <cmath>

#include "models/decoder_parts.h"
#include "models/registry.h"

namespace skald::models {
namespace {

// 2^(-most i / n), i = 1 .. n, where n = n_heads is a power of two; else those of the next larger one: every second,
// and then the others.
std::vector<float> slopes(std::int64_t n_heads, double most) {
  std::int64_t power = 1;
  while (power < n_heads) power *= 2;
  std::vector<float> all;
  const auto add = [&](std::int64_t first, std::int64_t step) {
    for (std::int64_t i = first; i <= power; i += step) {
      all.push_back(static_cast<float>(std::exp2(-most * static_cast<double>(i) / static_cast<double>(power))));
    }
  };
  if (power == n_heads) {
    add(1, 1);
  } else {
    add(2, 2);
    add(1, 2);
  }
  all.resize(static_cast<std::size_t>(n_heads));
  return all;
}

struct MptAttention {
  float clip = 0;   // 0: none
  float scale = 0;  // 0: 1 / sqrt(head_dim)
  double most_bias = 8;
};

MptAttention read_attention(const json::Fields& fields) {
  MptAttention a;
  const auto own = fields.get_object("attn_config");
  if (!own) return a;
  a.clip = static_cast<float>(own->get_number("clip_qkv", 0, 1e9).value_or(0));
  a.scale = static_cast<float>(own->get_number("softmax_scale", 1e-6, 1e6).value_or(0));
  a.most_bias = static_cast<double>(own->get_integer("alibi_bias_max", 1, 1 << 10).value_or(8));
  for (const char* const key : {"qk_ln", "prefix_lm"}) {
    if (own->get_bool(key).value_or(false)) own->fail(key, "must be false");
  }
  if (!own->get_bool("alibi").value_or(true)) own->fail("alibi", "must be true: other positions are not known");
  if (own->get_string("attn_type").value_or("multihead_attention") != "multihead_attention") {
    own->fail("attn_type", "must be multihead_attention");
  }
  return a;
}

}  // namespace

std::unique_ptr<DecoderModel> make_mpt(const json::Fields& fields, nn::WeightSource& w) {
  const DecoderConfig c = read_decoder_config(fields, {.max_positions = 2048,
                                                       .norm_eps = 1e-5,
                                                       .activation_key = "",
                                                       .activation = "gelu",
                                                       .tie_word_embeddings = true,
                                                       .rotary = false,
                                                       .inner_per_hidden = 4,
                                                       .hidden_key = "d_model",
                                                       .layers_key = "n_layers",
                                                       .heads_key = "n_heads",
                                                       .inner_key = "",
                                                       .positions_key = "max_seq_len",
                                                       .norm_eps_key = "layer_norm_epsilon"});
  const MptAttention attention = read_attention(fields);
  const AttentionNames names{.o = "out_proj", .qkv = "Wqkv", .fused = AttentionNames::Fused::stacked};
  const auto norm = [&](const std::string& name) {
    return w.layer_norm(name, static_cast<std::size_t>(c.hidden_size), c.norm_eps, /*bias=*/false);
  };
  DecoderParts parts = begin_decoder(c, w, "transformer.wte");
  for (std::int64_t i = 0; i < c.n_layers; ++i) {
    const std::string p = layer_prefix("transformer.blocks.", i);
    DecoderParts::Layer& layer = parts.layers[static_cast<std::size_t>(i)];
    layer.self_norm = norm(p + "norm_1");
    layer.self = self_attention(c, i, p + "attn.", names, w);
    layer.self.clip = attention.clip;
    if (attention.scale != 0) layer.self.spec.scale = attention.scale;
    layer.self.spec.bias = nn::AttentionSpec::Bias::alibi;
    layer.self.spec.alibi_slopes = slopes(c.n_heads, attention.most_bias);
    layer.mlp_norm = norm(p + "norm_2");
    layer.mlp = plain_mlp(c, p + "ffn.up_proj", p + "ffn.down_proj", w);
  }
  parts.final_norm = norm("transformer.norm_f");
  parts.head = language_model_head(c, w, {.embedding = "transformer.wte"});
  return make_decoder(std::move(parts));
}

}  // namespace skald::models
