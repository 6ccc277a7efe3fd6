// What models without attention share: settings, convolutions, and a decoder of layers of one mixer each.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "models/decoder_model.h"
#include "models/registry.h"
#include "nn/blocks.h"
#include "nn/convolution.h"
#include "nn/weight_source.h"

namespace skald::models {

/// Settings of Mamba and Mamba-2. Names are those of config.json.
struct MixerConfig {
  std::string model_type;
  std::int64_t vocab_size = 0;
  std::int64_t hidden_size = 0;
  std::int64_t n_layers = 0;
  std::size_t width = 0;  // expand * hidden_size
  std::size_t state_size = 0;
  std::size_t conv_kernel = 0;
  kernels::Activation activation = kernels::Activation::silu;  // behind the convolution
  float epsilon = 0;
  bool use_bias = false;
  bool use_conv_bias = false;
  bool tie_word_embeddings = false;
};

/// What is not said of state_size and tie_word_embeddings is `state_size` and `tied`.
MixerConfig read_mixer_config(const json::Fields& fields, std::int64_t state_size, bool tied);

/// `name`.weight [channels, 1, taps] and, if `bias`, `name`.bias.
nn::Convolution read_convolution(const std::string& name, std::size_t channels, const MixerConfig& config,
                                 nn::WeightSource& weights);

/// `n_layers` layers that keep so many bytes each.
nn::StateLayout recurrent_layout(std::size_t n_layers, std::size_t bytes);

/// embeddings, layers of x += mixer(norm(x)), norm_f, head: by the names that checkpoints of Mamba have.
template <typename Mixer>
class MixerDecoder final : public DecoderModel {
 public:
  /// make(prefix): the mixer under `prefix`, "backbone.layers.0.mixer."
  template <typename Make>
  MixerDecoder(const MixerConfig& c, const Make& make, nn::WeightSource& w) {
    const auto hidden = static_cast<std::size_t>(c.hidden_size);
    const auto vocab = static_cast<std::size_t>(c.vocab_size);
    // Checkpoints of the original code have it in the singular.
    const std::string name = w.has("backbone.embedding.weight") ? "backbone.embedding" : "backbone.embeddings";
    embeddings_ = w.matrix(name + ".weight", vocab, hidden);
    for (std::int64_t i = 0; i < c.n_layers; ++i) {
      const std::string p = "backbone.layers." + std::to_string(i) + ".";
      nn::Norm norm = w.rms_norm(p + "norm", hidden, c.epsilon);
      layers_.push_back({std::move(norm), make(p + "mixer.")});
    }
    norm_f_ = w.rms_norm("backbone.norm_f", hidden, c.epsilon);
    lm_head_ = w.linear(c.tie_word_embeddings ? name : "lm_head", vocab, hidden);
    if (c.tie_word_embeddings) w.leave("lm_head.weight");
    shape_.model_type = c.model_type;
    shape_.n_layers = c.n_layers;
    shape_.hidden_size = c.hidden_size;
    shape_.vocab_size = c.vocab_size;
    shape_.tied_embeddings = c.tie_word_embeddings;
  }
  [[nodiscard]] StateLayout state_layout() const override {
    return recurrent_layout(layers_.size(), layers_.front().mixer.spec.state_bytes());
  }

 private:
  struct Layer {
    nn::Norm norm;
    Mixer mixer;
  };

  void embed(float* x, nn::Context& context) const override { nn::embed_rows(*embeddings_, x, context); }
  void layer(int i, float* x, const nn::Context& context) const override {
    const Layer& l = layers_[static_cast<std::size_t>(i)];
    l.mixer.add_to(x, {.before = &l.norm}, i, context);
  }
  [[nodiscard]] const nn::Norm* final_norm() const override { return &norm_f_; }
  [[nodiscard]] const nn::Linear& head() const override { return lm_head_; }

  std::shared_ptr<const nn::PackedMatrix> embeddings_;
  std::vector<Layer> layers_;
  nn::Norm norm_f_;
  nn::Linear lm_head_;
};

}  // namespace skald::models
