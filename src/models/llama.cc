// The Llama form: pre-norm, rotary positions, grouped-query attention, gated MLP.
// Reference: transformers/models/{llama,mistral,phi3,qwen2,qwen3}/modeling_*.py
//   mistral: every layer has a window
//   phi3:    fused projections; partly rotated heads; longrope
//   qwen2:   biases on q, k, v; windows by layer
//   qwen3:   RMSNorm per head on q and k; head_dim comes from the config
#include "models/registry.h"
#include "models/rotary_parts.h"

namespace skald::models {
namespace {

std::size_t size(std::int64_t n) { return static_cast<std::size_t>(n); }

class Llama final : public DecoderModel {
 public:
  Llama(DecoderConfig config, nn::WeightSource& w);
  [[nodiscard]] StateLayout state_layout() const override {
    return nn::paged_layout(config_.windows, size(config_.n_kv_heads), size(config_.head_dim));
  }

 private:
  struct Layer {
    nn::Norm input_layernorm;
    nn::SelfAttention self_attn;
    nn::Norm post_attention_layernorm;
    nn::Mlp mlp;
  };

  Layer make_layer(std::int64_t i, nn::WeightSource& w) const;
  void embed(float* x, nn::Context& context) const override {
    nn::embed_rows(*embed_tokens_, x, context);
    rope_.prepare(context);
  }
  void layer(int i, float* x, const nn::Context& context) const override {
    const Layer& l = layers_[static_cast<std::size_t>(i)];
    l.self_attn.add_to(x, {.before = &l.input_layernorm}, i, context);
    l.mlp.add_to(x, {.before = &l.post_attention_layernorm}, context);
  }
  [[nodiscard]] const nn::Norm* final_norm() const override { return &norm_; }
  [[nodiscard]] const nn::Linear& head() const override { return lm_head_; }

  DecoderConfig config_;
  nn::Rope rope_;
  std::shared_ptr<const nn::PackedMatrix> embed_tokens_;
  std::vector<Layer> layers_;
  nn::Norm norm_;
  nn::Linear lm_head_;
};

Llama::Llama(DecoderConfig config, nn::WeightSource& w) : config_(std::move(config)), rope_(config_.rope) {
  const DecoderConfig& c = config_;
  embed_tokens_ = w.matrix("model.embed_tokens.weight", size(c.vocab_size), size(c.hidden_size));
  layers_.reserve(size(c.n_layers));
  for (std::int64_t i = 0; i < c.n_layers; ++i) layers_.push_back(make_layer(i, w));
  norm_ = w.rms_norm("model.norm", size(c.hidden_size), c.rms_norm_eps);
  lm_head_ = language_model_head(c, w);
  shape_ = rotary_shape(c, rope_);
}

Llama::Layer Llama::make_layer(std::int64_t i, nn::WeightSource& w) const {
  const DecoderConfig& c = config_;
  const std::string p = "model.layers." + std::to_string(i) + ".";
  Layer layer;
  layer.input_layernorm = w.rms_norm(p + "input_layernorm", size(c.hidden_size), c.rms_norm_eps);
  layer.self_attn = rotary_attention(c, rope_, i, p + "self_attn.", w);
  layer.post_attention_layernorm = w.rms_norm(p + "post_attention_layernorm", size(c.hidden_size), c.rms_norm_eps);
  layer.mlp = gated_mlp(c, p + "mlp.", w);
  return layer;
}

}  // namespace

std::unique_ptr<DecoderModel> make_llama(const json::Fields& fields, nn::WeightSource& weights) {
  DecoderConfig c = read_decoder_config(fields, {.max_positions = 2048});
  c.qkv_bias = c.o_bias = fields.get_bool("attention_bias").value_or(false);
  c.mlp_bias = fields.get_bool("mlp_bias").value_or(false);
  return std::make_unique<Llama>(std::move(c), weights);
}

std::unique_ptr<DecoderModel> make_mistral(const json::Fields& fields, nn::WeightSource& weights) {
  DecoderConfig c = read_decoder_config(fields, {.n_kv_heads = 8, .max_positions = 4096 * 32});
  c.windows.assign(c.windows.size(), read_window(fields));
  return std::make_unique<Llama>(std::move(c), weights);
}

std::unique_ptr<DecoderModel> make_phi3(const json::Fields& fields, nn::WeightSource& weights) {
  DecoderConfig c = read_decoder_config(fields, {.max_positions = 4096,
                                                 .rms_norm_eps = 1e-5,
                                                 .partial_rotary = true,
                                                 .original_positions = 4096,
                                                 .only_longrope = true});
  c.fused_projections = true;
  c.windows.assign(c.windows.size(), fields.get_integer("sliding_window", 1, kMaxPositions).value_or(0));
  return std::make_unique<Llama>(std::move(c), weights);
}

std::unique_ptr<DecoderModel> make_qwen2(const json::Fields& fields, nn::WeightSource& weights) {
  DecoderConfig c = read_decoder_config(fields, {.n_kv_heads = 32, .max_positions = 32768});
  c.qkv_bias = true;
  c.windows = read_windows_by_layer(fields, c.n_layers);
  return std::make_unique<Llama>(std::move(c), weights);
}

std::unique_ptr<DecoderModel> make_qwen3(const json::Fields& fields, nn::WeightSource& weights) {
  DecoderConfig c = read_decoder_config(fields, {.n_kv_heads = 32, .head_dim = 128, .max_positions = 32768});
  c.qkv_bias = c.o_bias = fields.get_bool("attention_bias").value_or(false);
  c.qk_norm = true;
  c.windows = read_windows_by_layer(fields, c.n_layers);
  return std::make_unique<Llama>(std::move(c), weights);
}

}  // namespace skald::models
