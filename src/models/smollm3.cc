// SmolLM3: Llama in which every fourth layer has no positions.
// Reference: transformers/models/smollm3/modeling_smollm3.py
#include "models/decoder_parts.h"
#include "models/registry.h"

namespace skald::models {
namespace {

// no_rope_layers [n_layers], which says 1 where a layer has positions.
std::vector<std::int64_t> read_rotated(const json::Fields& fields, std::int64_t n_layers) {
  const std::int64_t interval = fields.get_integer("no_rope_layer_interval", 1, kMaxLayers).value_or(4);
  std::vector<std::int64_t> rotated = fields.get_integers("no_rope_layers", 0, 1);
  if (!fields.has("no_rope_layers")) {
    for (std::int64_t i = 0; i < n_layers; ++i) rotated.push_back((i + 1) % interval != 0 ? 1 : 0);
  }
  if (std::ssize(rotated) != n_layers) {
    fields.fail("no_rope_layers", "must have num_hidden_layers = " + std::to_string(n_layers) + " numbers");
  }
  return rotated;
}

// Where a window is used, the layers without positions have it unless layer_types says otherwise.
std::vector<std::int64_t> read_windows(const json::Fields& fields, const std::vector<std::int64_t>& rotated) {
  const bool slides = fields.get_bool("use_sliding_window").value_or(false);
  const std::int64_t window = slides ? read_window(fields, /*unsaid=*/0) : 0;
  const std::vector<std::string> types = read_layer_types(fields, std::ssize(rotated));
  std::vector<std::int64_t> windows;
  for (std::size_t i = 0; i < rotated.size(); ++i) {
    const bool sliding = types.empty() ? rotated[i] == 0 : types[i] == "sliding_attention";
    windows.push_back(sliding ? window : 0);
  }
  return windows;
}

}  // namespace

std::unique_ptr<DecoderModel> make_smollm3(const json::Fields& fields, nn::WeightSource& w) {
  DecoderConfig c = read_decoder_config(
      fields, {.n_kv_heads = 4, .max_positions = 32768, .rope_theta = 2000000, .tie_word_embeddings = true});
  c.qkv_bias = c.o_bias = fields.get_bool("attention_bias").value_or(false);
  c.mlp_bias = fields.get_bool("mlp_bias").value_or(false);
  const std::vector<std::int64_t> rotated = read_rotated(fields, c.n_layers);
  c.windows = read_windows(fields, rotated);
  DecoderParts parts = llama_parts(c, w);
  for (std::size_t i = 0; i < rotated.size(); ++i) {
    if (rotated[i] == 0) parts.layers[i].self.rotary_half = 0;
  }
  return make_decoder(std::move(parts));
}

}  // namespace skald::models
