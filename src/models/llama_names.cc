// Models that are Llama by other names. Their own code, which is not run, stands beside their weights on the Hub.
//   internlm2: q, k and v by groups in one projection
//   baichuan:  q, k and v one after the other; ALiBi in the larger one; in Baichuan 2 the rows of the head count by
//              their directions alone
//   exaone:    EXAONE 3 and 3.5
#include <cmath>

#include "models/decoder_parts.h"
#include "models/registry.h"

namespace skald::models {
namespace {

std::size_t size(std::int64_t n) { return static_cast<std::size_t>(n); }

struct LayerNames {
  std::string self_norm = "input_layernorm";
  std::string self = "self_attn.";
  AttentionNames projections = {};
  std::string mlp_norm = "post_attention_layernorm";
  std::string mlp = "mlp.";
  GatedNames gated = {};
};

// `final_norm` and head are asked for by the family.
DecoderParts renamed_parts(const DecoderConfig& c, const std::string& embedding, const std::string& layers,
                           const LayerNames& names, nn::WeightSource& w) {
  DecoderParts parts = begin_decoder(c, w, embedding);
  for (std::int64_t i = 0; i < c.n_layers; ++i) {
    const std::string p = layer_prefix(layers, i);
    DecoderParts::Layer& layer = parts.layers[size(i)];
    layer.self_norm = w.rms_norm(p + names.self_norm, size(c.hidden_size), c.norm_eps);
    layer.self = self_attention(c, i, p + names.self, names.projections, w);
    if (!parts.ropes.empty()) layer.self.rotary_half = parts.ropes.front().half();
    layer.mlp_norm = w.rms_norm(p + names.mlp_norm, size(c.hidden_size), c.norm_eps);
    layer.mlp = gated_mlp(c, p + names.mlp, w, names.gated);
  }
  return parts;
}

// 1 / |row| of the matrix `name`.weight [rows, columns].
std::vector<float> inverse_lengths(const std::string& name, std::size_t rows, std::size_t columns,
                                   nn::WeightSource& w) {
  constexpr double kLeast = 1e-12;
  std::vector<float> inverse;
  for (std::size_t r = 0; r < rows; ++r) {
    double sum = 0;
    for (const float x : w.vector(name + ".weight", columns, {.planes = rows, .plane = r})) sum += double{x} * x;
    inverse.push_back(static_cast<float>(1 / std::max(std::sqrt(sum), kLeast)));
  }
  return inverse;
}

}  // namespace

std::unique_ptr<DecoderModel> make_internlm2(const json::Fields& fields, nn::WeightSource& w) {
  DecoderConfig c = read_decoder_config(fields, {.max_positions = 2048});
  c.qkv_bias = c.o_bias = fields.get_bool("bias").value_or(true);
  const LayerNames names{.self_norm = "attention_norm",
                         .self = "attention.",
                         .projections = {.o = "wo", .qkv = "wqkv", .fused = AttentionNames::Fused::by_group},
                         .mlp_norm = "ffn_norm",
                         .mlp = "feed_forward.",
                         .gated = {.gate = "w1", .up = "w3", .down = "w2"}};
  DecoderParts parts = renamed_parts(c, "model.tok_embeddings", "model.layers.", names, w);
  parts.final_norm = w.rms_norm("model.norm", size(c.hidden_size), c.norm_eps);
  parts.head = language_model_head(c, w, {.embedding = "model.tok_embeddings", .head = "output"});
  return make_decoder(std::move(parts));
}

std::unique_ptr<DecoderModel> make_baichuan(const json::Fields& fields, nn::WeightSource& w) {
  constexpr std::int64_t kSecondVocabulary = 125696;
  const bool alibi = !fields.has("max_position_embeddings");  // which the 13 B models call model_max_length
  const DecoderConfig c =
      read_decoder_config(fields, {.max_positions = 4096, .rotary = !alibi, .positions_key = "model_max_length"});
  LayerNames names;
  if (!w.has("model.layers.0.self_attn.q_proj.weight")) {  // as files have it that were made of such checkpoints
    names.projections = {.qkv = "W_pack", .fused = AttentionNames::Fused::stacked};
  }
  DecoderParts parts = renamed_parts(c, "model.embed_tokens", "model.layers.", names, w);
  if (alibi) {
    for (DecoderParts::Layer& layer : parts.layers) {
      layer.self.spec.bias = nn::AttentionSpec::Bias::alibi;
      layer.self.spec.alibi_slopes = nn::alibi_slopes(size(c.n_heads));
    }
  }
  parts.final_norm = w.rms_norm("model.norm", size(c.hidden_size), c.norm_eps);
  parts.head = language_model_head(c, w);
  if (c.vocab_size >= kSecondVocabulary) {
    parts.logit_scales = inverse_lengths("lm_head", size(c.vocab_size), size(c.hidden_size), w);
  }
  return make_decoder(std::move(parts));
}

std::unique_ptr<DecoderModel> make_exaone(const json::Fields& fields, nn::WeightSource& w) {
  const DecoderConfig c = read_decoder_config(fields, {.max_positions = 2048,
                                                       .norm_eps = 1e-5,
                                                       .activation_key = "activation_function",
                                                       .tie_word_embeddings = true,
                                                       .inner_per_hidden = 4,
                                                       .layers_key = "num_layers",
                                                       .norm_eps_key = "layer_norm_epsilon"});
  const LayerNames names{.self_norm = "ln_1",
                         .self = "attn.attention.",
                         .projections = {.o = "out_proj"},
                         .mlp_norm = "ln_2",
                         .gated = {.gate = "c_fc_0", .up = "c_fc_1", .down = "c_proj"}};
  DecoderParts parts = renamed_parts(c, "transformer.wte", "transformer.h.", names, w);
  parts.final_norm = w.rms_norm("transformer.ln_f", size(c.hidden_size), c.norm_eps);
  parts.head = language_model_head(c, w, {.embedding = "transformer.wte"});
  return make_decoder(std::move(parts));
}

}  // namespace skald::models
