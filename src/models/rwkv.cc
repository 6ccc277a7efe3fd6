// RWKV-4: a time mix and a channel mix a layer, no attention, no positions.
// Reference: transformers/models/rwkv/modeling_rwkv.py
//   rescale_every halves the stream behind so many layers, and with it what later blocks add: a norm's epsilon sees it.
#include "nn/rwkv.h"

#include <cmath>

#include "models/config.h"
#include "models/mixer_parts.h"

namespace skald::models {
namespace {

constexpr float kLastEpsilon = 1e-5F;  // of ln_out, whatever the config's layer_norm_epsilon

std::size_t size(std::int64_t n) { return static_cast<std::size_t>(n); }

struct RwkvConfig {
  std::int64_t vocab_size = 0;
  std::int64_t hidden_size = 0;
  std::int64_t intermediate_size = 0;
  std::int64_t n_layers = 0;
  std::int64_t context_length = 0;
  std::int64_t rescale_every = 0;  // 0: never
  float epsilon = 0;
  bool tie_word_embeddings = false;
};

RwkvConfig read_config(const json::Fields& fields) {
  refuse_quantized(fields);
  RwkvConfig c;
  c.vocab_size = fields.need_integer("vocab_size", 1, kMaxVocab);
  c.hidden_size = fields.need_integer("hidden_size", 1, kMaxWidth);
  c.n_layers = fields.need_integer("num_hidden_layers", 1, kMaxLayers);
  c.intermediate_size = fields.get_integer("intermediate_size", 1, kMaxWidth).value_or(4 * c.hidden_size);
  if (fields.get_integer("attention_hidden_size", 1, kMaxWidth).value_or(c.hidden_size) != c.hidden_size) {
    fields.fail("attention_hidden_size", "must be hidden_size, which is " + std::to_string(c.hidden_size));
  }
  const std::string_view positions = either_key(fields, "max_position_embeddings", "context_length");
  c.context_length = fields.get_integer(positions, 1, kMaxPositions).value_or(1024);
  c.rescale_every = std::max<std::int64_t>(0, fields.get_integer("rescale_every", -1, kMaxLayers).value_or(6));
  c.epsilon = read_epsilon(fields, "layer_norm_epsilon", 1e-5);
  c.tie_word_embeddings = fields.get_bool("tie_word_embeddings").value_or(false);
  return c;
}

class Rwkv final : public DecoderModel {
 public:
  Rwkv(const RwkvConfig& config, nn::WeightSource& w);
  [[nodiscard]] StateLayout state_layout() const override {
    return recurrent_layout(layers_.size(), nn::rwkv_state_bytes(size(config_.hidden_size)));
  }

 private:
  struct Layer {
    nn::Norm ln1;
    nn::RwkvTimeMix attention;
    nn::Norm ln2;
    nn::RwkvChannelMix feed_forward;
  };

  [[nodiscard]] Layer make_layer(std::int64_t i, nn::WeightSource& w) const;
  void embed(float* x, nn::Context& context) const override {
    nn::embed_rows(*embeddings_, x, context);
    nn::normalize_rows(pre_ln_, x, context);
  }
  void layer(int i, float* x, const nn::Context& context) const override {
    const Layer& l = layers_[static_cast<std::size_t>(i)];
    const std::int64_t every = config_.rescale_every;
    const float scale = every > 0 ? std::ldexp(1.0F, static_cast<int>(-(i / every))) : 1.0F;
    l.attention.add_to(x, {.before = &l.ln1, .scale = scale}, i, context);
    l.feed_forward.add_to(x, {.before = &l.ln2, .scale = scale}, i, context);
    if (every > 0 && (i + 1) % every == 0) nn::scale_rows(0.5F, size(config_.hidden_size), x, context);
  }
  [[nodiscard]] const nn::Norm* final_norm() const override { return &ln_out_; }
  [[nodiscard]] const nn::Linear& head() const override { return head_; }

  RwkvConfig config_;
  std::shared_ptr<const nn::PackedMatrix> embeddings_;
  nn::Norm pre_ln_;
  std::vector<Layer> layers_;
  nn::Norm ln_out_;
  nn::Linear head_;
};

Rwkv::Rwkv(const RwkvConfig& config, nn::WeightSource& w) : config_(config) {
  const std::size_t vocab = size(config.vocab_size);
  const std::size_t hidden = size(config.hidden_size);
  embeddings_ = w.matrix("rwkv.embeddings.weight", vocab, hidden);
  pre_ln_ = w.layer_norm("rwkv.blocks.0.pre_ln", hidden, config.epsilon);
  layers_.reserve(size(config.n_layers));
  for (std::int64_t i = 0; i < config.n_layers; ++i) layers_.push_back(make_layer(i, w));
  ln_out_ = w.layer_norm("rwkv.ln_out", hidden, kLastEpsilon);
  head_ = w.linear(config.tie_word_embeddings ? "rwkv.embeddings" : "head", vocab, hidden);
  if (config.tie_word_embeddings) w.leave("head.weight");
  shape_.model_type = "rwkv";
  shape_.n_layers = config.n_layers;
  shape_.hidden_size = config.hidden_size;
  shape_.vocab_size = config.vocab_size;
  shape_.max_positions = config.context_length;
  shape_.tied_embeddings = config.tie_word_embeddings;
}

Rwkv::Layer Rwkv::make_layer(std::int64_t i, nn::WeightSource& w) const {
  const std::size_t hidden = size(config_.hidden_size);
  const std::size_t inner = size(config_.intermediate_size);
  const std::string p = "rwkv.blocks." + std::to_string(i) + ".";
  // time_mix [1, 1, hidden] of a row, the rest of the one before it.
  const auto mix = [&](const std::string& name) {
    const std::vector<float> share = w.values(name, {1, 1, hidden});
    nn::Convolution rows{.taps = 2, .channels = hidden};
    for (const float s : share) rows.weight.push_back(1 - s);
    rows.weight.insert(rows.weight.end(), share.begin(), share.end());
    return rows;
  };
  Layer layer;
  layer.ln1 = w.layer_norm(p + "ln1", hidden, config_.epsilon);
  const std::string a = p + "attention.";
  nn::RwkvTimeMix& time = layer.attention;
  time.key_mix = mix(a + "time_mix_key");
  time.value_mix = mix(a + "time_mix_value");
  time.receptance_mix = mix(a + "time_mix_receptance");
  time.key = w.linear(a + "key", hidden, hidden);
  time.value = w.linear(a + "value", hidden, hidden);
  time.receptance = w.linear(a + "receptance", hidden, hidden);
  time.output = w.linear(a + "output", hidden, hidden);
  time.decay = w.vector(a + "time_decay", hidden);
  for (float& d : time.decay) d = -std::exp(d);
  time.first = w.vector(a + "time_first", hidden);
  layer.ln2 = w.layer_norm(p + "ln2", hidden, config_.epsilon);
  const std::string f = p + "feed_forward.";
  layer.feed_forward = {.key = w.linear(f + "key", inner, hidden),
                        .value = w.linear(f + "value", hidden, inner),
                        .receptance = w.linear(f + "receptance", hidden, hidden),
                        .key_mix = mix(f + "time_mix_key"),
                        .receptance_mix = mix(f + "time_mix_receptance")};
  return layer;
}

}  // namespace

std::unique_ptr<DecoderModel> make_rwkv(const json::Fields& fields, nn::WeightSource& weights) {
  return std::make_unique<Rwkv>(read_config(fields), weights);
}

}  // namespace skald::models
