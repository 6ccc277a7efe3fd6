// Gemma: gains stored as 1 + w, scaled embeddings.
//   gemma2: layers with a window and without by turns, norms before and after each block, capped scores and logits
//   gemma3: five layers with a window to one without, each kind with rotary positions of its own; norms on q and k
// Reference: transformers/models/{gemma,gemma2,gemma3}/modeling_*.py
#include <cmath>

#include "base/float16.h"
#include "models/decoder_parts.h"
#include "models/registry.h"
#include "skald/error.h"

namespace skald::models {
namespace {

std::size_t size(std::int64_t n) { return static_cast<std::size_t>(n); }

struct GemmaConfig : DecoderConfig {
  bool norms_after = false;
  float score_scale = 0;
  float score_cap = 0;   // 0: none
  float logits_cap = 0;  // 0: none
};

GemmaConfig read_config(const json::Fields& fields, ConfigDefaults defaults) {
  defaults.activation = "gelu_pytorch_tanh";
  defaults.tie_word_embeddings = true;
  if (defaults.head_dim == 0) defaults.head_dim = 256;
  GemmaConfig c{read_decoder_config(fields, defaults)};
  c.qkv_bias = c.o_bias = fields.get_bool("attention_bias").value_or(false);
  c.score_scale = static_cast<float>(1 / std::sqrt(static_cast<double>(c.head_dim)));
  if (fields.get_bool("use_bidirectional_attention").value_or(false)) {
    throw UnsupportedError(ErrorFields{.file = fields.file(),
                                       .field = fields.name("use_bidirectional_attention"),
                                       .value = "true",
                                       .rule = "only causal models generate text"});
  }
  return c;
}

// What Gemma 2 and 3 read beside that. Caps are off where the config says null.
void read_scores(const json::Fields& fields, double score_cap, double logits_cap, GemmaConfig& c) {
  const auto cap = [&](std::string_view key, double unsaid) {
    return static_cast<float>(fields.get_number(key, 1e-3, 1e6).value_or(fields.find(key) == nullptr ? unsaid : 0));
  };
  const double scalar = fields.get_number("query_pre_attn_scalar", 1e-3, 1e9).value_or(256);
  c.norms_after = true;
  c.score_scale = static_cast<float>(1 / std::sqrt(scalar));
  c.score_cap = cap("attn_logit_softcapping", score_cap);
  c.logits_cap = cap("final_logit_softcapping", logits_cap);
}

// `value` as the weights hold it, which is what the reference multiplies with. Of blocks, f32.
float rounded_as(kernels::WeightFormat format, float value) {
  if (format == kernels::WeightFormat::bf16) return to_float(to_bfloat16(value));
  return format == kernels::WeightFormat::f16 ? to_float(to_float16(value)) : value;
}

void read_layer(const GemmaConfig& c, std::int64_t i, const std::string& p, nn::WeightSource& w,
                DecoderParts::Layer& layer) {
  const auto norm = [&](const char* name, std::int64_t n) {
    return w.rms_norm(p + name, size(n), c.norm_eps, /*offset=*/1);
  };
  layer.self_norm = norm("input_layernorm", c.hidden_size);
  layer.self = self_attention(c, i, p + "self_attn.", {}, w);
  layer.self.rotary_half = size(c.rope.rotary_dim()) / 2;
  layer.self.spec.scale = c.score_scale;
  layer.self.spec.softcap = c.score_cap;
  if (c.qk_norm) {
    layer.self.q_norms = {norm("self_attn.q_norm", c.head_dim)};
    layer.self.k_norms = {norm("self_attn.k_norm", c.head_dim)};
  }
  layer.mlp_norm = norm(c.norms_after ? "pre_feedforward_layernorm" : "post_attention_layernorm", c.hidden_size);
  if (c.norms_after) {
    layer.self_end_norm = norm("post_attention_layernorm", c.hidden_size);
    layer.mlp_end_norm = norm("post_feedforward_layernorm", c.hidden_size);
  }
  layer.mlp = gated_mlp(c, p + "mlp.", w);
}

// `root` is "model.", or what the text model is called in one that sees too.
DecoderParts gemma_parts(const GemmaConfig& c, nn::WeightSource& w, const std::string& root = "model.") {
  DecoderParts parts = begin_decoder(c, w, root + "embed_tokens");
  parts.embed_scale = rounded_as(parts.embed_tokens->format(), std::sqrt(static_cast<float>(c.hidden_size)));
  for (std::int64_t i = 0; i < c.n_layers; ++i) {
    read_layer(c, i, layer_prefix(root + "layers.", i), w, parts.layers[size(i)]);
  }
  parts.final_norm = w.rms_norm(root + "norm", size(c.hidden_size), c.norm_eps, /*offset=*/1);
  parts.head = language_model_head(c, w, {.embedding = root + "embed_tokens"});
  parts.logits_softcap = c.logits_cap;
  return parts;
}

// `outer`: of the model that also sees, whose class ties its head and caps no logits; null: none.
std::unique_ptr<DecoderModel> make_text_of_gemma3(const json::Fields& fields, const json::Fields* outer,
                                                  const std::string& root, nn::WeightSource& w) {
  const ConfigDefaults defaults{.n_kv_heads = 4,
                                .max_positions = 131072,
                                .activation_key = "hidden_activation",
                                .rope_theta = 1e6,
                                .vocab_size = 262208,
                                .n_heads = 8,
                                .rope_of = "full_attention"};
  GemmaConfig c = read_config(fields, defaults);
  read_scores(fields, /*score_cap=*/0, /*logits_cap=*/0, c);
  c.qk_norm = true;
  const std::int64_t turn = fields.get_integer("sliding_window_pattern", 1, kMaxLayers).value_or(6);
  c.windows = read_windows_by_turns(fields, c.n_layers, /*unsaid=*/4096, turn);
  if (outer != nullptr) {
    c.tie_word_embeddings = outer->get_bool("tie_word_embeddings").value_or(true);
    c.logits_cap = 0;
  }
  DecoderParts parts = gemma_parts(c, w, root);
  const std::size_t local =
      add_rope(parts, read_rope_settings(fields, c.head_dim, c.max_positions,
                                         {.theta_key = "rope_local_base_freq", .rope_of = "sliding_attention"}));
  for (DecoderParts::Layer& layer : parts.layers) layer.self.angles = layer.self.spec.window > 0 ? local : 0;
  return make_decoder(std::move(parts));
}

}  // namespace

std::unique_ptr<DecoderModel> make_gemma(const json::Fields& fields, nn::WeightSource& w) {
  GemmaConfig c = read_config(fields, {.n_kv_heads = 16, .max_positions = 8192});
  // The first configs said gelu and meant this.
  if (fields.get_string("hidden_act") == "gelu") c.activation = kernels::Activation::gelu_tanh;
  return make_decoder(gemma_parts(c, w));
}

std::unique_ptr<DecoderModel> make_gemma2(const json::Fields& fields, nn::WeightSource& w) {
  GemmaConfig c = read_config(fields, {.n_kv_heads = 4, .max_positions = 8192, .activation_key = "hidden_activation"});
  read_scores(fields, /*score_cap=*/50, /*logits_cap=*/30, c);
  c.windows = read_windows_by_turns(fields, c.n_layers);
  return make_decoder(gemma_parts(c, w));
}

std::unique_ptr<DecoderModel> make_gemma3_text(const json::Fields& fields, nn::WeightSource& w) {
  return make_text_of_gemma3(fields, nullptr, "model.", w);
}

std::unique_ptr<DecoderModel> make_gemma3(const json::Fields& fields, nn::WeightSource& w) {
  const auto text = fields.get_object("text_config");
  if (!text) fields.fail("text_config", "must be an object: the settings of the text model");
  const std::string within = "model.language_model.";  // as transformers 5 saves it
  const std::string root = w.has(within + "embed_tokens.weight") ? within : "model.";
  w.leave("*vision_tower.*");
  w.leave("*multi_modal_projector.*");
  return make_text_of_gemma3(*text, &fields, root, w);
}

}  // namespace skald::models
