#include "models/mixer_parts.h"

#include <numeric>

#include "models/config.h"

namespace skald::models {

MixerConfig read_mixer_config(const json::Fields& fields, std::int64_t state_size, bool tied) {
  refuse_quantized(fields);
  const auto flag = [&](const char* key, bool fallback) { return fields.get_bool(key).value_or(fallback); };
  const auto count = [&](const char* key, std::int64_t fallback, std::int64_t most) {
    return static_cast<std::size_t>(fields.get_integer(key, 1, most).value_or(fallback));
  };
  MixerConfig c;
  c.model_type = fields.need_string("model_type");
  c.vocab_size = fields.need_integer("vocab_size", 1, kMaxVocab);
  c.hidden_size = fields.need_integer("hidden_size", 1, kMaxWidth);
  c.n_layers = fields.need_integer("num_hidden_layers", 1, kMaxLayers);
  c.width = count("expand", 2, 1024) * static_cast<std::size_t>(c.hidden_size);
  c.state_size = count("state_size", state_size, 1 << 16);
  c.conv_kernel = count("conv_kernel", 4, nn::kMaxConvTaps);
  c.activation = read_activation(fields, "hidden_act", "silu");
  c.epsilon = read_epsilon(fields, "layer_norm_epsilon", 1e-5);
  c.use_bias = flag("use_bias", false);
  c.use_conv_bias = flag("use_conv_bias", true);
  c.tie_word_embeddings = flag("tie_word_embeddings", tied);
  static_cast<void>(flag("residual_in_fp32", true));  // it always is
  return c;
}

nn::Convolution read_convolution(const std::string& name, std::size_t channels, const MixerConfig& c,
                                 nn::WeightSource& w) {
  nn::Convolution convolution{.taps = c.conv_kernel, .channels = channels, .activation = c.activation};
  const std::vector<float> stored = w.values(name + ".weight", {channels, 1, c.conv_kernel});
  convolution.weight.resize(stored.size());
  for (std::size_t k = 0; k < stored.size(); ++k) {
    convolution.weight[k % c.conv_kernel * channels + k / c.conv_kernel] = stored[k];
  }
  if (c.use_conv_bias) convolution.bias = w.vector(name + ".bias", channels);
  return convolution;
}

nn::StateLayout recurrent_layout(std::size_t n_layers, std::size_t bytes) {
  std::vector<int> layers(n_layers);
  std::iota(layers.begin(), layers.end(), 0);
  return {{{.kind = nn::StateGroup::Kind::recurrent, .layers = std::move(layers), .bytes = bytes}}};
}

}  // namespace skald::models
