// OLMo: Llama with layer norms that have no weights, and limits on q, k and v.
//   olmo2:   the norms behind the blocks, and on all heads of q and of k together
//   exaone4: those on each head; layers without a window have no positions where others have one
// Reference: transformers/models/{olmo,olmo2,exaone4}/modeling_*.py
#include "models/decoder_parts.h"
#include "models/registry.h"

namespace skald::models {
namespace {

std::size_t size(std::int64_t n) { return static_cast<std::size_t>(n); }

// Attention and MLP, each with a norm on its result alone; norms on q and k of `q_width` and `k_width` numbers.
DecoderParts norms_behind(const DecoderConfig& c, std::int64_t q_width, std::int64_t k_width, nn::WeightSource& w) {
  DecoderParts parts = begin_decoder(c, w);
  for (std::int64_t i = 0; i < c.n_layers; ++i) {
    const std::string p = layer_prefix("model.layers.", i);
    const auto norm = [&](const char* name, std::int64_t n) { return w.rms_norm(p + name, size(n), c.norm_eps); };
    DecoderParts::Layer& layer = parts.layers[size(i)];
    layer.self = rotary_attention(c, parts.ropes.front(), i, p + "self_attn.", w);
    layer.self.q_norms = {norm("self_attn.q_norm", q_width)};
    layer.self.k_norms = {norm("self_attn.k_norm", k_width)};
    layer.self_end_norm = norm("post_attention_layernorm", c.hidden_size);
    layer.mlp = gated_mlp(c, p + "mlp.", w);
    layer.mlp_end_norm = norm("post_feedforward_layernorm", c.hidden_size);
  }
  parts.final_norm = w.rms_norm("model.norm", size(c.hidden_size), c.norm_eps);
  parts.head = language_model_head(c, w);
  return parts;
}

}  // namespace

std::unique_ptr<DecoderModel> make_olmo(const json::Fields& fields, nn::WeightSource& w) {
  constexpr float kEpsilon = 1e-5F;
  DecoderConfig c = read_decoder_config(fields, {.max_positions = 2048});
  c.qkv_bias = c.o_bias = fields.get_bool("attention_bias").value_or(false);
  const auto clip = static_cast<float>(fields.get_number("clip_qkv", 1e-6, 1e9).value_or(0));
  DecoderParts parts = begin_decoder(c, w);
  for (std::int64_t i = 0; i < c.n_layers; ++i) {
    const std::string p = layer_prefix("model.layers.", i);
    DecoderParts::Layer& layer = parts.layers[size(i)];
    layer.self_norm = layer.mlp_norm = bare_layer_norm(c.hidden_size, kEpsilon);
    layer.self = rotary_attention(c, parts.ropes.front(), i, p + "self_attn.", w);
    layer.self.clip = clip;
    layer.mlp = gated_mlp(c, p + "mlp.", w);
  }
  parts.final_norm = bare_layer_norm(c.hidden_size, kEpsilon);
  parts.head = language_model_head(c, w);
  return make_decoder(std::move(parts));
}

std::unique_ptr<DecoderModel> make_olmo2(const json::Fields& fields, nn::WeightSource& w) {
  DecoderConfig c = read_decoder_config(fields, {.max_positions = 2048, .norm_eps = 1e-5});
  c.qkv_bias = c.o_bias = fields.get_bool("attention_bias").value_or(false);
  return make_decoder(norms_behind(c, c.n_heads * c.head_dim, c.n_kv_heads * c.head_dim, w));
}

std::unique_ptr<DecoderModel> make_exaone4(const json::Fields& fields, nn::WeightSource& w) {
  DecoderConfig c = read_decoder_config(fields, {.n_kv_heads = 32, .max_positions = 2048, .norm_eps = 1e-5});
  const bool windows = fields.find("sliding_window") == nullptr || fields.has("sliding_window");
  const bool says = fields.has("layer_types");  // newer configs write the pattern in letters beside them
  const std::int64_t turn =
      says || !windows ? 1 : fields.get_integer("sliding_window_pattern", 1, kMaxLayers).value_or(4);
  c.windows = read_windows_by_turns(fields, c.n_layers, /*unsaid=*/4096, turn);
  DecoderParts parts = norms_behind(c, c.head_dim, c.head_dim, w);
  for (DecoderParts::Layer& layer : parts.layers) {
    if (windows && layer.self.spec.window == 0) layer.self.rotary_half = 0;
  }
  return make_decoder(std::move(parts));
}

}  // namespace skald::models
