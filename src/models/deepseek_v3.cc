// DeepSeek-V3: latent attention; a few dense layers, then experts chosen by group and one that every row goes to.
// Reference: transformers/models/deepseek_v3/modeling_deepseek_v3.py
#include <variant>

#include "models/expert_parts.h"
#include "models/latent_parts.h"
#include "models/registry.h"
#include "models/rotary_parts.h"

namespace skald::models {
namespace {

std::size_t size(std::int64_t n) { return static_cast<std::size_t>(n); }

struct DeepseekV3Config : DecoderConfig {
  LatentConfig latent = {};
  std::int64_t first_k_dense_replace = 0;
  ExpertSizes experts = {};
  std::int64_t n_shared_experts = 0;
  std::int64_t n_group = 0;
  std::int64_t topk_group = 0;
  bool norm_topk_prob = true;
  float routed_scaling_factor = 0;
  std::int64_t num_nextn_predict_layers = 0;  // stored behind the model's own: not used
};

DeepseekV3Config read_config(const json::Fields& fields) {
  DeepseekV3Config c{read_decoder_config(fields, {.head_dim = read_rope_head_dim(fields), .max_positions = 4096})};
  c.latent = read_latent_config(fields, c);
  constexpr std::int64_t kMostGroups = nn::kMaxExpertGroups;
  const auto get = [&](std::string_view key, std::int64_t low, std::int64_t high, std::int64_t unsaid) {
    return fields.get_integer(key, low, high).value_or(unsaid);
  };
  const auto check = [&](std::string_view key, bool right, const char* rule, std::int64_t number) {
    if (!right) fields.fail(key, rule + std::to_string(number));
  };
  c.first_k_dense_replace = get("first_k_dense_replace", 0, kMaxLayers, 3);
  c.experts = read_expert_sizes(fields, either_key(fields, "num_local_experts", "n_routed_experts"), 256, 8);
  c.experts.inner = size(get("moe_intermediate_size", 1, kMaxWidth, 2048));
  c.n_shared_experts = get("n_shared_experts", 0, kMaxExperts, 1);
  c.n_group = get("n_group", 1, kMostGroups, 8);
  const auto n_experts = static_cast<std::int64_t>(c.experts.n);
  check("n_group", n_experts % c.n_group == 0 && n_experts / c.n_group >= 2,
        "must cut all experts into equal groups of two or more; experts: ", n_experts);
  c.topk_group = get("topk_group", 1, kMostGroups, 4);
  check("topk_group", c.topk_group <= c.n_group, "must be at most n_group, which is ", c.n_group);
  const std::int64_t eligible = c.topk_group * (n_experts / c.n_group);
  check("num_experts_per_tok", static_cast<std::int64_t>(c.experts.per_row) <= eligible,
        "must be at most the experts of topk_group groups, ", eligible);
  c.norm_topk_prob = fields.get_bool("norm_topk_prob").value_or(true);
  c.routed_scaling_factor = static_cast<float>(fields.get_number("routed_scaling_factor", 0, 1e6).value_or(2.5));
  c.num_nextn_predict_layers = get("num_nextn_predict_layers", 0, kMaxLayers, 1);
  return c;
}

class DeepseekV3 final : public DecoderModel {
 public:
  DeepseekV3(DeepseekV3Config config, nn::WeightSource& w);
  [[nodiscard]] StateLayout state_layout() const override { return latent_layout(config_.latent, config_.n_layers); }

 private:
  struct Layer {
    nn::Norm input_layernorm;
    nn::LatentAttention self_attn;
    nn::Norm post_attention_layernorm;
    std::variant<nn::Mlp, nn::Experts> mlp;
  };

  [[nodiscard]] Layer make_layer(std::int64_t i, nn::WeightSource& w) const;
  [[nodiscard]] nn::Experts make_experts(const std::string& prefix, nn::WeightSource& w) const;
  void embed(float* x, nn::Context& context) const override {
    nn::embed_rows(*embed_tokens_, x, context);
    rope_.prepare(context);
  }
  void layer(int i, float* x, const nn::Context& context) const override {
    const Layer& l = layers_[static_cast<std::size_t>(i)];
    l.self_attn.add_to(x, {.before = &l.input_layernorm}, i, context);
    std::visit([&](const auto& block) { block.add_to(x, {.before = &l.post_attention_layernorm}, context); }, l.mlp);
  }
  [[nodiscard]] const nn::Norm* final_norm() const override { return &norm_; }
  [[nodiscard]] const nn::Linear& head() const override { return lm_head_; }

  DeepseekV3Config config_;
  nn::Rope rope_;
  std::shared_ptr<const nn::PackedMatrix> embed_tokens_;
  std::vector<Layer> layers_;
  nn::Norm norm_;
  nn::Linear lm_head_;
};

DeepseekV3::DeepseekV3(DeepseekV3Config config, nn::WeightSource& w) : config_(std::move(config)), rope_(config_.rope) {
  const DeepseekV3Config& c = config_;
  embed_tokens_ = w.matrix("model.embed_tokens.weight", size(c.vocab_size), size(c.hidden_size));
  layers_.reserve(size(c.n_layers));
  for (std::int64_t i = 0; i < c.n_layers; ++i) layers_.push_back(make_layer(i, w));
  norm_ = w.rms_norm("model.norm", size(c.hidden_size), c.norm_eps);
  lm_head_ = language_model_head(c, w);
  for (std::int64_t i = 0; i < c.num_nextn_predict_layers; ++i) {
    w.leave("model.layers." + std::to_string(c.n_layers + i) + ".*");
  }
  shape_ = rotary_shape(c, rope_);
}

DeepseekV3::Layer DeepseekV3::make_layer(std::int64_t i, nn::WeightSource& w) const {
  const DeepseekV3Config& c = config_;
  const std::string p = "model.layers." + std::to_string(i) + ".";
  Layer layer;
  layer.input_layernorm = w.rms_norm(p + "input_layernorm", size(c.hidden_size), c.norm_eps);
  layer.self_attn = latent_attention(c.latent, c, p + "self_attn.", w);
  layer.post_attention_layernorm = w.rms_norm(p + "post_attention_layernorm", size(c.hidden_size), c.norm_eps);
  if (i < c.first_k_dense_replace) layer.mlp = gated_mlp(c, p + "mlp.", w);
  if (i >= c.first_k_dense_replace) layer.mlp = make_experts(p + "mlp.", w);
  return layer;
}

nn::Experts DeepseekV3::make_experts(const std::string& prefix, nn::WeightSource& w) const {
  const DeepseekV3Config& c = config_;
  const auto& [n, per_row, hidden, inner] = c.experts;
  nn::Experts experts;
  experts.router = {.gate = w.linear(prefix + "gate", n, hidden),
                    .rule = nn::Router::Rule::sigmoid_by_group,
                    .top_k = per_row,
                    .normalize = c.norm_topk_prob,
                    .scale = c.routed_scaling_factor,
                    .n_groups = size(c.n_group),
                    .top_groups = size(c.topk_group),
                    .score_correction = w.vector(prefix + "gate.e_score_correction_bias", n)};
  experts.routed = routed_experts(c.experts, prefix + "experts.", {}, w);
  experts.activation = c.activation;
  const std::string shared = prefix + "shared_experts.";
  const std::size_t width = inner * size(c.n_shared_experts);
  if (width == 0) return experts;
  experts.shared = {.gate_proj = w.linear(shared + "gate_proj", width, hidden),
                    .up_proj = w.linear(shared + "up_proj", width, hidden),
                    .down_proj = w.linear(shared + "down_proj", hidden, width)};
  return experts;
}

}  // namespace

std::unique_ptr<DecoderModel> make_deepseek_v3(const json::Fields& fields, nn::WeightSource& weights) {
  return std::make_unique<DeepseekV3>(read_config(fields), weights);
}

}  // namespace skald::models
