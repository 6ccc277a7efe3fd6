// GPT-Neo: learned positions, layers with a window and without, scores that are not scaled.
// Reference: transformers/models/gpt_neo/modeling_gpt_neo.py
#include "models/decoder_parts.h"
#include "models/registry.h"

namespace skald::models {
namespace {

// attention_types is [[kinds, times], ...]: the kinds "global" and "local" of `times` groups of layers. The windows
// [n_layers] that they stand for.
std::vector<std::int64_t> read_windows(const json::Fields& fields, std::int64_t n_layers) {
  constexpr const char* kKey = "attention_types";
  const auto wrong = [&] {
    fields.fail(
        kKey, "must be [[[\"global\" or \"local\", ...], times], ...] for all " + std::to_string(n_layers) + " layers");
  };
  const std::int64_t window = fields.get_integer("window_size", 1, kMaxPositions).value_or(256);
  std::vector<std::int64_t> windows;
  if (!fields.has(kKey)) {
    for (std::int64_t i = 0; i < 24; ++i) windows.push_back(i % 2 == 0 ? 0 : window);
  } else {
    const json::Value& groups = *fields.find(kKey);
    if (!groups.is_array()) wrong();
    for (const json::Value& group : groups.as_array()) {
      if (!group.is_array() || group.as_array().size() != 2) wrong();
      const json::Value& kinds = group.as_array()[0];
      const json::Value& times = group.as_array()[1];
      if (!kinds.is_array() || !times.is_number() || times.as_number() < 0 || times.as_number() > kMaxLayers) wrong();
      for (double t = 0; t < times.as_number() && std::ssize(windows) <= n_layers; ++t) {
        for (const json::Value& kind : kinds.as_array()) {
          const bool local = kind.is_string() && kind.as_string() == "local";
          if (!local && !(kind.is_string() && kind.as_string() == "global")) wrong();
          windows.push_back(local ? window : 0);
        }
      }
    }
  }
  if (std::ssize(windows) != n_layers) wrong();
  return windows;
}

}  // namespace

std::unique_ptr<DecoderModel> make_gpt_neo(const json::Fields& fields, nn::WeightSource& w) {
  DecoderConfig c = read_decoder_config(fields, {.max_positions = 2048,
                                                 .norm_eps = 1e-5,
                                                 .activation_key = "activation_function",
                                                 .activation = "gelu_new",
                                                 .tie_word_embeddings = true,
                                                 .rotary = false,
                                                 .inner_per_hidden = 4,
                                                 .layers_key = "num_layers",
                                                 .heads_key = "num_heads",
                                                 .norm_eps_key = "layer_norm_epsilon"});
  c.o_bias = c.mlp_bias = true;
  c.windows = read_windows(fields, c.n_layers);
  const auto hidden = static_cast<std::size_t>(c.hidden_size);
  DecoderParts parts = begin_decoder(c, w, "transformer.wte");
  add_position_table(parts, "transformer.wpe", /*offset=*/0, w);
  for (std::int64_t i = 0; i < c.n_layers; ++i) {
    const std::string p = layer_prefix("transformer.h.", i);
    DecoderParts::Layer& layer = parts.layers[static_cast<std::size_t>(i)];
    layer.self_norm = w.layer_norm(p + "ln_1", hidden, c.norm_eps);
    layer.self = self_attention(c, i, p + "attn.attention.", {.o = "out_proj"}, w);
    layer.self.spec.scale = 1;
    layer.mlp_norm = w.layer_norm(p + "ln_2", hidden, c.norm_eps);
    layer.mlp = plain_mlp(c, p + "mlp.c_fc", p + "mlp.c_proj", w);
  }
  parts.final_norm = w.layer_norm("transformer.ln_f", hidden, c.norm_eps);
  parts.head = language_model_head(c, w, {.embedding = "transformer.wte"});
  w.leave("*.attention.bias");  // masks that older checkpoints store
  w.leave("*.attention.masked_bias");
  return make_decoder(std::move(parts));
}

}  // namespace skald::models
