// DeepSeek-V2 and its kin (V2-Lite, Coder-V2): latent attention; a few dense layers, then experts chosen by their
// probabilities. Reference: transformers/models/deepseek_v2/modeling_deepseek_v2.py
//   Read and without effect there and here: norm_topk_prob, rope_interleave (pairs always stand side by side).
#include "models/expert_parts.h"
#include "models/latent_parts.h"
#include "models/registry.h"
#include "models/rotary_parts.h"
#include "skald/error.h"

namespace skald::models {
namespace {

bool chooses_by_group(const json::Fields& fields) {
  const std::string method = fields.get_string("topk_method").value_or("greedy");
  if (method == "greedy" || method == "group_limited_greedy") return method != "greedy";
  throw UnsupportedError(ErrorFields{.file = fields.file(),
                                     .field = "topk_method",
                                     .value = quoted(method),
                                     .rule = "known are greedy, group_limited_greedy"});
}

}  // namespace

std::unique_ptr<DecoderModel> make_deepseek_v2(const json::Fields& fields, nn::WeightSource& w) {
  DecoderConfig c = read_decoder_config(fields, {.head_dim = read_rope_head_dim(fields), .max_positions = 2048});
  c.mlp_bias = fields.get_bool("mlp_bias").value_or(false);
  LatentConfig latent = read_latent_config(fields, c);
  latent.rope_interleave = true;
  const auto get = [&](std::string_view key, std::int64_t low, std::int64_t high, std::int64_t unsaid) {
    return fields.get_integer(key, low, high).value_or(unsaid);
  };
  const std::int64_t first_with_experts = get("first_k_dense_replace", 0, kMaxLayers, 0);
  const std::int64_t per_row = fields.need_integer("num_experts_per_tok", 1, kMaxExperts);
  ExpertSizes sizes = read_expert_sizes(fields, either_key(fields, "num_experts", "n_routed_experts"), 64, per_row);
  sizes.inner = static_cast<std::size_t>(get("moe_intermediate_size", 1, kMaxWidth, 1407));
  const std::int64_t n_shared = get("n_shared_experts", 0, kMaxExperts, 2);
  const bool by_group = chooses_by_group(fields);
  const ExpertGroups groups = by_group ? read_expert_groups(fields, sizes, /*least=*/1, {}) : ExpertGroups{};
  static_cast<void>(fields.get_bool("norm_topk_prob"));
  const double scale = fields.get_number("routed_scaling_factor", 0, 1e6).value_or(1);
  const auto block = [&](std::int64_t i, const std::string& p) -> LatentBlock {
    if (i < first_with_experts) return gated_mlp(c, p, w);
    nn::Experts experts;
    experts.router = {.gate = w.linear(p + "gate", sizes.n, sizes.hidden),
                      .rule = by_group ? nn::Router::Rule::softmax_by_group : nn::Router::Rule::softmax,
                      .top_k = sizes.per_row,
                      .scale = static_cast<float>(scale),
                      .n_groups = static_cast<std::size_t>(groups.n),
                      .top_groups = static_cast<std::size_t>(groups.best)};
    experts.routed = routed_experts(sizes, p + "experts.", {}, w);
    experts.activation = c.activation;
    experts.shared = shared_experts(sizes, n_shared, p + "shared_experts.", w, c.mlp_bias);
    return experts;
  };
  return make_latent_decoder(latent, c, block, w);
}

}  // namespace skald::models
