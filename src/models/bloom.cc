// BLOOM: ALiBi, layer norms, a norm on the embeddings, q, k and v interleaved by head in one projection.
// Reference: transformers/models/bloom/modeling_bloom.py
#include <cmath>

#include "models/config.h"
#include "models/registry.h"
#include "nn/blocks.h"

namespace skald::models {
namespace {

std::size_t size(std::int64_t n) { return static_cast<std::size_t>(n); }

struct BloomConfig {
  std::int64_t vocab_size = 0;
  std::int64_t hidden_size = 0;
  std::int64_t n_layer = 0;
  std::int64_t n_head = 0;
  float layer_norm_epsilon = 0;
  bool apply_residual_connection_post_layernorm = false;
  bool dense_bias = true;  // of the projections that end a block
  bool tie_word_embeddings = true;
};

BloomConfig read_config(const json::Fields& fields) {
  refuse_quantized(fields);
  BloomConfig c;
  c.vocab_size = fields.need_integer("vocab_size", 1, kMaxVocab);
  c.hidden_size = fields.need_integer(either_key(fields, "n_embed", "hidden_size"), 1, kMaxWidth);
  c.n_layer = fields.need_integer(either_key(fields, "num_hidden_layers", "n_layer"), 1, kMaxLayers);
  const std::string_view heads = either_key(fields, "num_attention_heads", "n_head");
  c.n_head = fields.need_integer(heads, 1, kMaxHeads);
  if (c.hidden_size % c.n_head != 0) {
    fields.fail(heads, "must divide hidden_size, which is " + std::to_string(c.hidden_size));
  }
  c.layer_norm_epsilon = read_epsilon(fields, "layer_norm_epsilon", 1e-5);
  c.apply_residual_connection_post_layernorm =
      fields.get_bool("apply_residual_connection_post_layernorm").value_or(false);
  // Where the reference adds the parts of these products one by one, it leaves their biases out.
  const bool exact = fields.get_bool("slow_but_exact").value_or(false);
  c.dense_bias = !exact || fields.get_integer("pretraining_tp", 1, kMaxWidth).value_or(1) == 1;
  c.tie_word_embeddings = fields.get_bool("tie_word_embeddings").value_or(true);
  return c;
}

class Bloom final : public DecoderModel {
 public:
  Bloom(const BloomConfig& config, nn::WeightSource& w);
  [[nodiscard]] StateLayout state_layout() const override {
    const std::vector<std::int64_t> windows(layers_.size(), 0);
    return nn::paged_layout(windows, size(config_.n_head), size(config_.hidden_size / config_.n_head));
  }

 private:
  struct Layer {
    nn::Norm input_layernorm;
    nn::SelfAttention self_attention;
    nn::Norm post_attention_layernorm;
    nn::Mlp mlp;
  };

  [[nodiscard]] Layer make_layer(std::int64_t i, nn::WeightSource& w) const;
  void embed(float* x, nn::Context& context) const override {
    nn::embed_rows(*word_embeddings_, x, context);
    nn::normalize_rows(word_embeddings_layernorm_, x, context);
  }
  // The stream itself goes on normalised where the config says so.
  [[nodiscard]] nn::Residual enter(const nn::Norm& norm, float* x, const nn::Context& context) const {
    if (!config_.apply_residual_connection_post_layernorm) return {.before = &norm};
    nn::normalize_rows(norm, x, context);
    return {};
  }
  void layer(int i, float* x, const nn::Context& context) const override {
    const Layer& l = layers_[static_cast<std::size_t>(i)];
    l.self_attention.add_to(x, enter(l.input_layernorm, x, context), i, context);
    l.mlp.add_to(x, enter(l.post_attention_layernorm, x, context), context);
  }
  [[nodiscard]] const nn::Norm* final_norm() const override { return &ln_f_; }
  [[nodiscard]] const nn::Linear& head() const override { return lm_head_; }

  BloomConfig config_;
  std::shared_ptr<const nn::PackedMatrix> word_embeddings_;
  nn::Norm word_embeddings_layernorm_;
  std::vector<Layer> layers_;
  nn::Norm ln_f_;
  nn::Linear lm_head_;
};

Bloom::Bloom(const BloomConfig& config, nn::WeightSource& w) : config_(config) {
  const BloomConfig& c = config_;
  const std::size_t hidden = size(c.hidden_size);
  const std::string p = "transformer.";
  word_embeddings_ = w.matrix(p + "word_embeddings.weight", size(c.vocab_size), hidden);
  word_embeddings_layernorm_ = w.layer_norm(p + "word_embeddings_layernorm", hidden, c.layer_norm_epsilon);
  layers_.reserve(size(c.n_layer));
  for (std::int64_t i = 0; i < c.n_layer; ++i) layers_.push_back(make_layer(i, w));
  ln_f_ = w.layer_norm(p + "ln_f", hidden, c.layer_norm_epsilon);
  lm_head_ = w.linear(c.tie_word_embeddings ? p + "word_embeddings" : "lm_head", size(c.vocab_size), hidden);
  if (c.tie_word_embeddings) w.leave("lm_head.weight");
  if (!c.dense_bias) w.leave("*.dense*.bias");
  shape_.model_type = "bloom";
  shape_.n_layers = c.n_layer;
  shape_.hidden_size = c.hidden_size;
  shape_.n_heads = c.n_head;
  shape_.tied_embeddings = c.tie_word_embeddings;
  shape_.vocab_size = c.vocab_size;
}

Bloom::Layer Bloom::make_layer(std::int64_t i, nn::WeightSource& w) const {
  const BloomConfig& c = config_;
  const std::string p = "transformer.h." + std::to_string(i) + ".";
  const std::size_t hidden = size(c.hidden_size);
  const std::size_t head_dim = size(c.hidden_size / c.n_head);
  const auto third = [&](std::size_t which) {
    return w.linear(p + "self_attention.query_key_value", hidden, hidden, /*bias=*/true,
                    {.outputs = 3 * hidden, .first = which * head_dim, .run = head_dim, .stride = 3 * head_dim});
  };
  Layer layer;
  layer.input_layernorm = w.layer_norm(p + "input_layernorm", hidden, c.layer_norm_epsilon);
  layer.self_attention.q_proj = third(0);
  layer.self_attention.k_proj = third(1);
  layer.self_attention.v_proj = third(2);
  layer.self_attention.o_proj = w.linear(p + "self_attention.dense", hidden, hidden, c.dense_bias);
  layer.self_attention.spec = {.n_heads = size(c.n_head),
                               .kv_heads = size(c.n_head),
                               .k_dim = head_dim,
                               .v_dim = head_dim,
                               .scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(head_dim))),
                               .bias = nn::AttentionSpec::Bias::alibi,
                               .alibi_slopes = nn::alibi_slopes(size(c.n_head))};
  layer.post_attention_layernorm = w.layer_norm(p + "post_attention_layernorm", hidden, c.layer_norm_epsilon);
  layer.mlp.up_proj = w.linear(p + "mlp.dense_h_to_4h", 4 * hidden, hidden, /*bias=*/true);
  layer.mlp.down_proj = w.linear(p + "mlp.dense_4h_to_h", hidden, 4 * hidden, c.dense_bias);
  layer.mlp.activation = kernels::Activation::gelu_tanh;
  return layer;
}

}  // namespace

std::unique_ptr<DecoderModel> make_bloom(const json::Fields& fields, nn::WeightSource& weights) {
  return std::make_unique<Bloom>(read_config(fields), weights);
}

}  // namespace skald::models
