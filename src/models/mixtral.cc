// Mixtral: Mistral with experts in every layer; the weights of the chosen ones are divided by their sum.
// Reference: transformers/models/mixtral/modeling_mixtral.py
#include "models/decoder_parts.h"
#include "models/expert_parts.h"
#include "models/registry.h"

namespace skald::models {

std::unique_ptr<DecoderModel> make_mixtral(const json::Fields& fields, nn::WeightSource& w) {
  DecoderConfig c =
      read_decoder_config(fields, {.n_kv_heads = 8, .max_positions = 4096 * 32, .norm_eps = 1e-5, .rope_theta = 1e6});
  c.windows.assign(c.windows.size(), read_window(fields, /*unsaid=*/0));
  const ExpertSizes sizes =
      read_expert_sizes(fields, either_key(fields, "num_experts", "num_local_experts"), /*n_unsaid=*/8,
                        /*per_row_unsaid=*/2);
  const auto add_experts = [&](std::int64_t /*i*/, const std::string& layer_prefix, DecoderParts::Layer& layer) {
    // The Hub's names, or those of transformers' modules.
    const std::string hub = layer_prefix + "block_sparse_moe.";
    const std::string p = w.has(hub + "gate.weight") ? hub : layer_prefix + "mlp.";
    nn::Experts experts;
    experts.router = {.gate = w.linear(p + "gate", sizes.n, sizes.hidden), .top_k = sizes.per_row, .normalize = true};
    experts.routed = routed_experts(sizes, p + "experts.", {.gate = "w1", .up = "w3", .down = "w2"}, w);
    experts.activation = c.activation;
    layer.mlp = std::move(experts);
  };
  return make_decoder(llama_parts(c, w, add_experts));
}

}  // namespace skald::models
