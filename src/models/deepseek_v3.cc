// DeepSeek-V3: latent attention; a few dense layers, then experts chosen by group and one that every row goes to.
// Reference: transformers/models/deepseek_v3/modeling_deepseek_v3.py
#include "models/expert_parts.h"
#include "models/latent_parts.h"
#include "models/registry.h"
#include "models/rotary_parts.h"

namespace skald::models {

std::unique_ptr<DecoderModel> make_deepseek_v3(const json::Fields& fields, nn::WeightSource& w) {
  const DecoderConfig c = read_decoder_config(fields, {.head_dim = read_rope_head_dim(fields), .max_positions = 4096});
  const LatentConfig latent = read_latent_config(fields, c);
  const auto get = [&](std::string_view key, std::int64_t low, std::int64_t high, std::int64_t unsaid) {
    return fields.get_integer(key, low, high).value_or(unsaid);
  };
  const std::int64_t first_with_experts = get("first_k_dense_replace", 0, kMaxLayers, 3);
  ExpertSizes sizes = read_expert_sizes(fields, either_key(fields, "num_local_experts", "n_routed_experts"), 256, 8);
  sizes.inner = static_cast<std::size_t>(get("moe_intermediate_size", 1, kMaxWidth, 2048));
  const std::int64_t n_shared = get("n_shared_experts", 0, kMaxExperts, 1);
  const ExpertGroups groups = read_expert_groups(fields, sizes, /*least=*/2, {.n = 8, .best = 4});
  const bool normalize = fields.get_bool("norm_topk_prob").value_or(true);
  const double scale = fields.get_number("routed_scaling_factor", 0, 1e6).value_or(2.5);
  const std::int64_t n_drafting = get("num_nextn_predict_layers", 0, kMaxLayers, 1);
  for (std::int64_t i = 0; i < n_drafting; ++i) {  // stored behind the model's own layers: not used
    w.leave("model.layers." + std::to_string(c.n_layers + i) + ".*");
  }
  const auto block = [&](std::int64_t i, const std::string& p) -> LatentBlock {
    if (i < first_with_experts) return gated_mlp(c, p, w);
    nn::Experts experts;
    experts.router = {.gate = w.linear(p + "gate", sizes.n, sizes.hidden),
                      .rule = nn::Router::Rule::sigmoid_by_group,
                      .top_k = sizes.per_row,
                      .normalize = normalize,
                      .scale = static_cast<float>(scale),
                      .n_groups = static_cast<std::size_t>(groups.n),
                      .top_groups = static_cast<std::size_t>(groups.best),
                      .score_correction = w.vector(p + "gate.e_score_correction_bias", sizes.n)};
    experts.routed = routed_experts(sizes, p + "experts.", {}, w);
    experts.activation = c.activation;
    experts.shared = shared_experts(sizes, n_shared, p + "shared_experts.", w);
    return experts;
  };
  return make_latent_decoder(latent, c, block, w);
}

}  // namespace skald::models
