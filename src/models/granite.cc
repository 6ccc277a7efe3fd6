// Granite: Llama whose embeddings, scores, residual additions and logits are scaled.
//   granitemoe: experts in every layer; the weights of the chosen ones are a softmax among them
// Reference: transformers/models/{granite,granitemoe}/modeling_*.py
#include "models/decoder_parts.h"
#include "models/expert_parts.h"
#include "models/registry.h"

namespace skald::models {
namespace {

DecoderConfig read_config(const json::Fields& fields) {
  DecoderConfig c = read_decoder_config(fields, {.max_positions = 2048});
  c.qkv_bias = c.o_bias = fields.get_bool("attention_bias").value_or(false);
  return c;
}

std::unique_ptr<DecoderModel> make_scaled(const json::Fields& fields, DecoderParts parts) {
  const auto factor = [&](std::string_view key) {
    return static_cast<float>(fields.get_number(key, -1e6, 1e6).value_or(1));
  };
  parts.embed_scale = factor("embedding_multiplier");
  parts.residual_scale = factor("residual_multiplier");
  if (factor("logits_scaling") == 0) fields.fail("logits_scaling", "must not be 0: logits are divided by it");
  parts.logits_scale = 1 / factor("logits_scaling");
  for (DecoderParts::Layer& layer : parts.layers) layer.self.spec.scale = factor("attention_multiplier");
  return make_decoder(std::move(parts));
}

}  // namespace

std::unique_ptr<DecoderModel> make_granite(const json::Fields& fields, nn::WeightSource& w) {
  DecoderConfig c = read_config(fields);
  c.mlp_bias = fields.get_bool("mlp_bias").value_or(false);
  return make_scaled(fields, llama_parts(c, w));
}

std::unique_ptr<DecoderModel> make_granitemoe(const json::Fields& fields, nn::WeightSource& w) {
  const DecoderConfig c = read_config(fields);
  const ExpertSizes sizes = read_expert_sizes(fields, "num_local_experts", /*n_unsaid=*/8, /*per_row_unsaid=*/2);
  const auto add_experts = [&](std::int64_t /*i*/, const std::string& prefix, DecoderParts::Layer& layer) {
    const std::string p = prefix + "block_sparse_moe.";
    const bool hub = w.has(p + "input_linear.weight");  // the Hub's names, or those of transformers' modules
    nn::Experts experts;
    experts.router = {.gate = w.linear(p + (hub ? "router.layer" : "router"), sizes.n, sizes.hidden),
                      .rule = nn::Router::Rule::softmax_of_best,
                      .top_k = sizes.per_row};
    experts.routed = hub ? stacked_experts(sizes, p + "input_linear.weight", p + "output_linear.weight", w)
                         : routed_experts(sizes, p + "experts.", {}, w);
    experts.activation = c.activation;
    layer.mlp = std::move(experts);
  };
  return make_scaled(fields, llama_parts(c, w, add_experts));
}

}  // namespace skald::models
