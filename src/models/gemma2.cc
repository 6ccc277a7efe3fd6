// Gemma 2: layers with a window and without by turns, norms before and after each block with gains stored as 1 + w,
// capped scores and logits, scaled embeddings. Reference: transformers/models/gemma2/modeling_gemma2.py
#include <array>
#include <cmath>

#include "models/registry.h"
#include "models/rotary_parts.h"
#include "skald/error.h"

namespace skald::models {
namespace {

std::size_t size(std::int64_t n) { return static_cast<std::size_t>(n); }

struct Gemma2Config : DecoderConfig {
  float score_scale = 0;
  float score_cap = 0;   // 0: none
  float logits_cap = 0;  // 0: none
};

Gemma2Config read_config(const json::Fields& fields) {
  const auto cap = [&](std::string_view key, double unsaid) {
    const double found = fields.get_number(key, 1e-3, 1e6).value_or(fields.find(key) == nullptr ? unsaid : 0);
    return static_cast<float>(found);
  };
  Gemma2Config c{read_decoder_config(fields, {.n_kv_heads = 4,
                                              .head_dim = 256,
                                              .max_positions = 8192,
                                              .activation_key = "hidden_activation",
                                              .activation = "gelu_pytorch_tanh",
                                              .tie_word_embeddings = true})};
  c.qkv_bias = c.o_bias = fields.get_bool("attention_bias").value_or(false);
  c.windows = read_windows_by_turns(fields, c.n_layers);
  const double scalar = fields.get_number("query_pre_attn_scalar", 1e-3, 1e9).value_or(256);
  c.score_scale = static_cast<float>(1 / std::sqrt(scalar));
  c.score_cap = cap("attn_logit_softcapping", 50);
  c.logits_cap = cap("final_logit_softcapping", 30);
  if (fields.get_bool("use_bidirectional_attention").value_or(false)) {
    throw UnsupportedError(ErrorFields{.file = fields.file(),
                                       .field = "use_bidirectional_attention",
                                       .value = "true",
                                       .rule = "only causal models generate text"});
  }
  return c;
}

// `value` with as many digits as the weights hold: the reference multiplies with a number of their type. Of blocks,
// f32.
float rounded_as(kernels::WeightFormat format, double value) {
  using kernels::WeightFormat;
  const int digits = format == WeightFormat::bf16 ? 8 : format == WeightFormat::f16 ? 11 : 24;
  int exponent = 0;
  const double fraction = std::frexp(value, &exponent);
  return static_cast<float>(std::ldexp(std::nearbyint(std::ldexp(fraction, digits)), exponent - digits));
}

class Gemma2 final : public DecoderModel {
 public:
  Gemma2(Gemma2Config config, nn::WeightSource& w);
  [[nodiscard]] StateLayout state_layout() const override {
    return nn::paged_layout(config_.windows, size(config_.n_kv_heads), size(config_.head_dim));
  }

 private:
  struct Layer {
    nn::Norm input_layernorm, post_attention_layernorm;
    nn::SelfAttention self_attn;
    nn::Norm pre_feedforward_layernorm, post_feedforward_layernorm;
    nn::Mlp mlp;
  };

  [[nodiscard]] Layer make_layer(std::int64_t i, nn::WeightSource& w) const;
  void embed(float* x, nn::Context& context) const override {
    const double scale = std::sqrt(static_cast<double>(config_.hidden_size));
    nn::embed_rows(*embed_tokens_, x, context, rounded_as(embed_tokens_->format(), scale));
    rope_.prepare(context);
  }
  void layer(int i, float* x, const nn::Context& context) const override {
    const Layer& l = layers_[static_cast<std::size_t>(i)];
    l.self_attn.add_to(x, {&l.input_layernorm, &l.post_attention_layernorm}, i, context);
    l.mlp.add_to(x, {&l.pre_feedforward_layernorm, &l.post_feedforward_layernorm}, context);
  }
  [[nodiscard]] const nn::Norm* final_norm() const override { return &norm_; }
  [[nodiscard]] const nn::Linear& head() const override { return lm_head_; }

  Gemma2Config config_;
  nn::Rope rope_;
  std::shared_ptr<const nn::PackedMatrix> embed_tokens_;
  std::vector<Layer> layers_;
  nn::Norm norm_;
  nn::Linear lm_head_;
};

Gemma2::Gemma2(Gemma2Config config, nn::WeightSource& w) : config_(std::move(config)), rope_(config_.rope) {
  const Gemma2Config& c = config_;
  embed_tokens_ = w.matrix("model.embed_tokens.weight", size(c.vocab_size), size(c.hidden_size));
  layers_.reserve(size(c.n_layers));
  for (std::int64_t i = 0; i < c.n_layers; ++i) layers_.push_back(make_layer(i, w));
  norm_ = w.rms_norm("model.norm", size(c.hidden_size), c.rms_norm_eps, /*offset=*/1);
  lm_head_ = language_model_head(c, w);
  logits_softcap_ = c.logits_cap;
  shape_ = rotary_shape(c, rope_);
}

Gemma2::Layer Gemma2::make_layer(std::int64_t i, nn::WeightSource& w) const {
  const Gemma2Config& c = config_;
  const std::string p = "model.layers." + std::to_string(i) + ".";
  const auto norm = [&](const char* name) {
    return w.rms_norm(p + name, size(c.hidden_size), c.rms_norm_eps, /*offset=*/1);
  };
  Layer layer;
  layer.input_layernorm = norm("input_layernorm");
  layer.self_attn = rotary_attention(c, rope_, i, p + "self_attn.", w);
  layer.self_attn.spec.scale = c.score_scale;
  layer.self_attn.spec.softcap = c.score_cap;
  layer.post_attention_layernorm = norm("post_attention_layernorm");
  layer.pre_feedforward_layernorm = norm("pre_feedforward_layernorm");
  layer.post_feedforward_layernorm = norm("post_feedforward_layernorm");
  layer.mlp = gated_mlp(c, p + "mlp.", w);
  return layer;
}

}  // namespace

std::unique_ptr<DecoderModel> make_gemma2(const json::Fields& fields, nn::WeightSource& weights) {
  return std::make_unique<Gemma2>(read_config(fields), weights);
}

}  // namespace skald::models
