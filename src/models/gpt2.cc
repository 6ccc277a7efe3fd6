// GPT-2: learned positions, layer norms, q, k and v in one projection; weights are stored [inputs, outputs].
// Reference: transformers/models/gpt2/modeling_gpt2.py
#include <cmath>

#include "models/config.h"
#include "models/registry.h"
#include "nn/blocks.h"

namespace skald::models {
namespace {

std::size_t size(std::int64_t n) { return static_cast<std::size_t>(n); }

struct Gpt2Config {
  std::int64_t vocab_size = 0;
  std::int64_t n_positions = 0;
  std::int64_t n_embd = 0;
  std::int64_t n_layer = 0;
  std::int64_t n_head = 0;
  std::int64_t n_inner = 0;
  kernels::Activation activation = kernels::Activation::gelu_tanh;
  float layer_norm_epsilon = 0;
  bool scale_attn_weights = true;
  bool scale_attn_by_inverse_layer_idx = false;
  bool tie_word_embeddings = true;
};

Gpt2Config read_config(const json::Fields& fields) {
  refuse_quantized(fields);
  const auto need = [&](std::string_view alias, std::string_view key, std::int64_t most) {
    return fields.need_integer(either_key(fields, alias, key), 1, most);
  };
  Gpt2Config c;
  c.vocab_size = fields.need_integer("vocab_size", 1, kMaxVocab);
  c.n_positions =
      fields.get_integer(either_key(fields, "max_position_embeddings", "n_positions"), 1, kMaxVocab).value_or(1024);
  c.n_embd = need("hidden_size", "n_embd", kMaxWidth);
  c.n_layer = need("num_hidden_layers", "n_layer", kMaxLayers);
  c.n_head = need("num_attention_heads", "n_head", kMaxHeads);
  if (c.n_embd % c.n_head != 0) {
    fields.fail(either_key(fields, "num_attention_heads", "n_head"),
                "must divide n_embd, which is " + std::to_string(c.n_embd));
  }
  c.n_inner = fields.get_integer("n_inner", 1, kMaxWidth).value_or(4 * c.n_embd);
  c.activation = read_activation(fields, "activation_function", "gelu_new");
  c.layer_norm_epsilon = read_epsilon(fields, "layer_norm_epsilon", 1e-5);
  c.scale_attn_weights = fields.get_bool("scale_attn_weights").value_or(true);
  c.scale_attn_by_inverse_layer_idx = fields.get_bool("scale_attn_by_inverse_layer_idx").value_or(false);
  static_cast<void>(fields.get_bool("reorder_and_upcast_attn"));  // where half precision rounds: never here
  c.tie_word_embeddings = fields.get_bool("tie_word_embeddings").value_or(true);
  return c;
}

class Gpt2 final : public DecoderModel {
 public:
  Gpt2(const Gpt2Config& config, nn::WeightSource& w);
  [[nodiscard]] StateLayout state_layout() const override {
    const std::vector<std::int64_t> windows(layers_.size(), 0);
    return nn::paged_layout(windows, size(config_.n_head), size(config_.n_embd / config_.n_head));
  }

 private:
  struct Layer {
    nn::Norm ln_1;
    nn::SelfAttention attn;
    nn::Norm ln_2;
    nn::Mlp mlp;
  };

  [[nodiscard]] Layer make_layer(std::int64_t i, nn::WeightSource& w) const;
  void embed(float* x, nn::Context& context) const override {
    nn::embed_rows(*wte_, x, context);
    nn::add_positions(*wpe_, 0, x, context);
  }
  void layer(int i, float* x, const nn::Context& context) const override {
    const Layer& l = layers_[static_cast<std::size_t>(i)];
    l.attn.add_to(x, {.before = &l.ln_1}, i, context);
    l.mlp.add_to(x, {.before = &l.ln_2}, context);
  }
  [[nodiscard]] const nn::Norm* final_norm() const override { return &ln_f_; }
  [[nodiscard]] const nn::Linear& head() const override { return lm_head_; }

  Gpt2Config config_;
  std::shared_ptr<const nn::PackedMatrix> wte_, wpe_;
  std::vector<Layer> layers_;
  nn::Norm ln_f_;
  nn::Linear lm_head_;
};

Gpt2::Gpt2(const Gpt2Config& config, nn::WeightSource& w) : config_(config) {
  const Gpt2Config& c = config_;
  wte_ = w.matrix("transformer.wte.weight", size(c.vocab_size), size(c.n_embd));
  wpe_ = w.matrix("transformer.wpe.weight", size(c.n_positions), size(c.n_embd));
  layers_.reserve(size(c.n_layer));
  for (std::int64_t i = 0; i < c.n_layer; ++i) layers_.push_back(make_layer(i, w));
  ln_f_ = w.layer_norm("transformer.ln_f", size(c.n_embd), c.layer_norm_epsilon);
  lm_head_ = w.linear(c.tie_word_embeddings ? "transformer.wte" : "lm_head", size(c.vocab_size), size(c.n_embd));
  w.leave("*.attn.bias");  // masks that older checkpoints store
  w.leave("*.attn.masked_bias");
  if (c.tie_word_embeddings) w.leave("lm_head.weight");
  shape_.model_type = "gpt2";
  shape_.n_layers = c.n_layer;
  shape_.hidden_size = c.n_embd;
  shape_.n_heads = c.n_head;
  shape_.vocab_size = c.vocab_size;
  shape_.max_positions = c.n_positions;
  shape_.hard_limit = true;
  shape_.tied_embeddings = c.tie_word_embeddings;
}

Gpt2::Layer Gpt2::make_layer(std::int64_t i, nn::WeightSource& w) const {
  const Gpt2Config& c = config_;
  const std::string p = "transformer.h." + std::to_string(i) + ".";
  const std::size_t hidden = size(c.n_embd);
  const std::size_t head_dim = size(c.n_embd / c.n_head);
  const auto conv = [&](const std::string& name, std::size_t n, std::size_t k, nn::Part part) {
    part.transposed = true;
    return w.linear(p + name, n, k, /*bias=*/true, part);
  };
  Layer layer;
  layer.ln_1 = w.layer_norm(p + "ln_1", hidden, c.layer_norm_epsilon);
  layer.attn.q_proj = conv("attn.c_attn", hidden, hidden, nn::stacked(3 * hidden, 0));
  layer.attn.k_proj = conv("attn.c_attn", hidden, hidden, nn::stacked(3 * hidden, hidden));
  layer.attn.v_proj = conv("attn.c_attn", hidden, hidden, nn::stacked(3 * hidden, 2 * hidden));
  layer.attn.o_proj = conv("attn.c_proj", hidden, hidden, {});
  double scale = c.scale_attn_weights ? 1.0 / std::sqrt(static_cast<double>(head_dim)) : 1.0;
  if (c.scale_attn_by_inverse_layer_idx) scale /= static_cast<double>(i + 1);
  layer.attn.spec = {.n_heads = size(c.n_head),
                     .kv_heads = size(c.n_head),
                     .k_dim = head_dim,
                     .v_dim = head_dim,
                     .scale = static_cast<float>(scale)};
  layer.ln_2 = w.layer_norm(p + "ln_2", hidden, c.layer_norm_epsilon);
  layer.mlp.up_proj = conv("mlp.c_fc", size(c.n_inner), hidden, {});
  layer.mlp.down_proj = conv("mlp.c_proj", hidden, size(c.n_inner), {});
  layer.mlp.activation = c.activation;
  return layer;
}

}  // namespace

std::unique_ptr<DecoderModel> make_gpt2(const json::Fields& fields, nn::WeightSource& weights) {
  return std::make_unique<Gpt2>(read_config(fields), weights);
}

}  // namespace skald::models
