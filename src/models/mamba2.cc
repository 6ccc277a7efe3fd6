// Mamba-2: layers of one mixer each, no attention, no positions; Codestral Mamba too.
// Reference: transformers/models/mamba2/modeling_mamba2.py
//   Read and without effect there and here: norm_before_gate and rms_norm (the gated norm always stands behind the
//   gate), intermediate_size (it is expand * hidden_size), chunk_size and the time_step_* of initialisation.
//   The reference forgets time_step_limit when it decodes token by token; here it holds for every token.
#include "nn/mamba2.h"

#include <cmath>
#include <numeric>
#include <tuple>

#include "models/config.h"
#include "models/registry.h"
#include "nn/blocks.h"

namespace skald::models {
namespace {

std::size_t size(std::int64_t n) { return static_cast<std::size_t>(n); }

struct Mamba2Config {
  std::int64_t vocab_size = 0;
  std::int64_t hidden_size = 0;
  std::int64_t n_layers = 0;
  float epsilon = 0;
  bool use_bias = false;
  bool use_conv_bias = false;
  bool tie_word_embeddings = false;
  nn::Mamba2Spec mixer = {};
};

class Mamba2 final : public DecoderModel {
 public:
  Mamba2(const Mamba2Config& config, nn::WeightSource& w);
  [[nodiscard]] StateLayout state_layout() const override {
    std::vector<int> layers(layers_.size());
    std::iota(layers.begin(), layers.end(), 0);
    return {
        {{.kind = nn::StateGroup::Kind::recurrent, .layers = std::move(layers), .bytes = config_.mixer.state_bytes()}}};
  }

 private:
  struct Layer {
    nn::Norm norm;
    nn::Mamba2 mixer;
  };

  Layer make_layer(std::int64_t i, nn::WeightSource& w) const;
  void embed(float* x, nn::Context& context) const override { nn::embed_rows(*embeddings_, x, context); }
  void layer(int i, float* x, const nn::Context& context) const override {
    const Layer& l = layers_[static_cast<std::size_t>(i)];
    l.mixer.add_to(x, {.before = &l.norm}, i, context);
  }
  [[nodiscard]] const nn::Norm* final_norm() const override { return &norm_f_; }
  [[nodiscard]] const nn::Linear& head() const override { return lm_head_; }

  Mamba2Config config_;
  std::shared_ptr<const nn::PackedMatrix> embeddings_;
  std::vector<Layer> layers_;
  nn::Norm norm_f_;
  nn::Linear lm_head_;
};

Mamba2::Mamba2(const Mamba2Config& config, nn::WeightSource& w) : config_(config) {
  const std::size_t vocab = size(config.vocab_size);
  const std::size_t hidden = size(config.hidden_size);
  // Checkpoints of the original code have it in the singular.
  const char* const name = w.has("backbone.embedding.weight") ? "backbone.embedding" : "backbone.embeddings";
  embeddings_ = w.matrix(std::string(name) + ".weight", vocab, hidden);
  layers_.reserve(size(config.n_layers));
  for (std::int64_t i = 0; i < config.n_layers; ++i) layers_.push_back(make_layer(i, w));
  norm_f_ = w.rms_norm("backbone.norm_f", hidden, config.epsilon);
  lm_head_ = w.linear(config.tie_word_embeddings ? name : "lm_head", vocab, hidden);
  if (config.tie_word_embeddings) w.leave("lm_head.weight");
  shape_.model_type = "mamba2";
  shape_.n_layers = config.n_layers;
  shape_.hidden_size = config.hidden_size;
  shape_.vocab_size = config.vocab_size;
}

Mamba2::Layer Mamba2::make_layer(std::int64_t i, nn::WeightSource& w) const {
  const nn::Mamba2Spec& spec = config_.mixer;
  const std::string p = "backbone.layers." + std::to_string(i) + ".";
  const std::size_t hidden = size(config_.hidden_size);
  const std::size_t channels = spec.channels();
  Layer layer;
  layer.norm = w.rms_norm(p + "norm", hidden, config_.epsilon);
  nn::Mamba2& mixer = layer.mixer;
  mixer.spec = spec;
  mixer.in_proj = w.linear(p + "mixer.in_proj", spec.projected(), hidden, config_.use_bias);
  mixer.out_proj = w.linear(p + "mixer.out_proj", hidden, spec.width(), config_.use_bias);
  const std::vector<float> stored = w.values(p + "mixer.conv1d.weight", {channels, 1, spec.taps});
  mixer.conv_weight.resize(stored.size());
  for (std::size_t k = 0; k < stored.size(); ++k) {
    mixer.conv_weight[k % spec.taps * channels + k / spec.taps] = stored[k];
  }
  if (config_.use_conv_bias) mixer.conv_bias = w.vector(p + "mixer.conv1d.bias", channels);
  mixer.dt_bias = w.vector(p + "mixer.dt_bias", spec.n_heads);
  mixer.a = w.vector(p + "mixer.A_log", spec.n_heads);
  for (float& a : mixer.a) a = -std::exp(a);
  mixer.d = w.vector(p + "mixer.D", spec.n_heads);
  const std::size_t part = spec.width() / spec.n_groups;
  for (std::size_t g = 0; g < spec.n_groups; ++g) {
    std::vector<float> gain = w.vector(p + "mixer.norm.weight", part, nn::stacked(spec.width(), g * part));
    mixer.norms.push_back(nn::Norm::rms(std::move(gain), config_.epsilon));
  }
  return layer;
}

}  // namespace

std::unique_ptr<DecoderModel> make_mamba2(const json::Fields& fields, nn::WeightSource& weights) {
  refuse_quantized(fields);
  const auto flag = [&](const char* key, bool fallback) { return fields.get_bool(key).value_or(fallback); };
  const auto count = [&](const char* key, std::int64_t fallback, std::int64_t most) {
    return size(fields.get_integer(key, 1, most).value_or(fallback));
  };
  Mamba2Config c{.vocab_size = fields.need_integer("vocab_size", 1, kMaxVocab),
                 .hidden_size = fields.need_integer("hidden_size", 1, kMaxWidth),
                 .n_layers = fields.need_integer("num_hidden_layers", 1, kMaxLayers),
                 .epsilon = read_epsilon(fields, "layer_norm_epsilon", 1e-5),
                 .use_bias = flag("use_bias", false),
                 .use_conv_bias = flag("use_conv_bias", true),
                 .tie_word_embeddings = flag("tie_word_embeddings", false)};
  c.mixer = {.n_heads = count("num_heads", 128, kMaxHeads),
             .head_dim = count("head_dim", 64, 1 << 16),
             .state_size = count("state_size", 128, 1 << 16),
             .n_groups = count("n_groups", 8, kMaxHeads),
             .taps = count("conv_kernel", 4, nn::kMaxConvTaps),
             .activation = read_activation(fields, "hidden_act", "silu")};
  std::tie(c.mixer.step_low, c.mixer.step_high) = read_limits(fields, "time_step_limit");
  static_cast<void>(flag("residual_in_fp32", true));  // it always is
  const std::size_t width = count("expand", 2, 1024) * size(c.hidden_size);
  if (c.mixer.width() != width) {
    fields.fail("num_heads", "num_heads * head_dim must be expand * hidden_size = " + std::to_string(width) + ", not " +
                                 std::to_string(c.mixer.width()));
  }
  if (c.mixer.n_heads % c.mixer.n_groups != 0) {
    fields.fail("n_groups", "must divide num_heads, which is " + std::to_string(c.mixer.n_heads));
  }
  return std::make_unique<Mamba2>(c, weights);
}

}  // namespace skald::models
