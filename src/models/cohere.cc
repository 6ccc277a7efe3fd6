// Command R: attention and MLP side by side behind one layer norm without biases; neighbouring numbers of a head are
// rotated together; scaled logits.
//   cohere2: layers with a window and rotary positions, every fourth one without either
// Reference: transformers/models/{cohere,cohere2}/modeling_*.py
#include "models/decoder_parts.h"
#include "models/registry.h"

namespace skald::models {
namespace {

std::size_t size(std::int64_t n) { return static_cast<std::size_t>(n); }

DecoderConfig read_config(const json::Fields& fields, double theta) {
  DecoderConfig c = read_decoder_config(fields, {.max_positions = 8192,
                                                 .norm_eps = 1e-5,
                                                 .rope_theta = theta,
                                                 .tie_word_embeddings = true,
                                                 .norm_eps_key = "layer_norm_eps"});
  c.qkv_bias = c.o_bias = fields.get_bool("attention_bias").value_or(false);
  return c;
}

// A layer norm for each head, stored as `name`.weight [heads, head_dim].
std::vector<nn::Norm> head_norms(const DecoderConfig& c, const std::string& name, std::int64_t heads,
                                 nn::WeightSource& w) {
  std::vector<nn::Norm> norms;
  for (std::size_t h = 0; h < size(heads); ++h) {
    const nn::Part row{.planes = size(heads), .plane = h};
    norms.push_back(nn::Norm::layer(w.vector(name + ".weight", size(c.head_dim), row), {}, c.norm_eps));
  }
  return norms;
}

DecoderParts cohere_parts(const json::Fields& fields, const DecoderConfig& c, bool qk_norm, nn::WeightSource& w) {
  DecoderParts parts = begin_decoder(c, w);
  parts.parallel = true;
  parts.logits_scale = static_cast<float>(fields.get_number("logit_scale", -1e6, 1e6).value_or(0.0625));
  for (std::int64_t i = 0; i < c.n_layers; ++i) {
    const std::string p = layer_prefix("model.layers.", i);
    DecoderParts::Layer& layer = parts.layers[size(i)];
    layer.self_norm = layer.mlp_norm =
        w.layer_norm(p + "input_layernorm", size(c.hidden_size), c.norm_eps, /*bias=*/false);
    layer.self = rotary_attention(c, parts.ropes.front(), i, p + "self_attn.", w);
    layer.self.interleaved = true;
    if (qk_norm) {
      layer.self.q_norms = head_norms(c, p + "self_attn.q_norm", c.n_heads, w);
      layer.self.k_norms = head_norms(c, p + "self_attn.k_norm", c.n_kv_heads, w);
    }
    layer.mlp = gated_mlp(c, p + "mlp.", w);
  }
  parts.final_norm = w.layer_norm("model.norm", size(c.hidden_size), c.norm_eps, /*bias=*/false);
  parts.head = language_model_head(c, w);
  return parts;
}

}  // namespace

std::unique_ptr<DecoderModel> make_cohere(const json::Fields& fields, nn::WeightSource& w) {
  const bool qk_norm = fields.get_bool("use_qk_norm").value_or(false);
  return make_decoder(cohere_parts(fields, read_config(fields, 500000), qk_norm, w));
}

std::unique_ptr<DecoderModel> make_cohere2(const json::Fields& fields, nn::WeightSource& w) {
  DecoderConfig c = read_config(fields, 10000);
  const std::int64_t turn = fields.get_integer("sliding_window_pattern", 1, kMaxLayers).value_or(4);
  c.windows = read_windows_by_turns(fields, c.n_layers, /*unsaid=*/4096, turn);
  DecoderParts parts = cohere_parts(fields, c, /*qk_norm=*/false, w);
  for (DecoderParts::Layer& layer : parts.layers) {
    if (layer.self.spec.window == 0) layer.self.rotary_half = 0;
  }
  return make_decoder(std::move(parts));
}

}  // namespace skald::models
