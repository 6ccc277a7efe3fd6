// Qwen2-MoE: Qwen2 with experts in some layers, and one beside them that every row goes to, weighted by a gate.
// Qwen3-MoE: Qwen3 so, without the one beside them.
// Reference: transformers/models/{qwen2_moe,qwen3_moe}/modeling_*.py
#include <algorithm>

#include "models/decoder_parts.h"
#include "models/expert_parts.h"
#include "models/registry.h"

namespace skald::models {
namespace {

struct QwenMoeConfig : DecoderConfig {
  ExpertSizes experts = {};
  std::size_t shared_inner = 0;  // 0: there is no shared expert
  bool norm_topk_prob = false;
  std::int64_t sparse_step = 1;                    // layers step - 1, 2 * step - 1, ... have experts
  std::vector<std::int64_t> mlp_only_layers = {};  // but for these
};

// Where the config names no layer_types, every second layer below max_window_layers slides, the first among them.
std::vector<std::int64_t> read_windows(const json::Fields& fields, std::int64_t n_layers) {
  const bool slides = fields.get_bool("use_sliding_window").value_or(false);
  const std::int64_t last = fields.get_integer("max_window_layers", 0, kMaxPositions).value_or(28);
  const std::vector<std::string> types = read_layer_types(fields, n_layers);
  // Saved as 0 where no layer slides.
  const std::int64_t window =
      slides ? read_window(fields) : fields.get_integer("sliding_window", 0, kMaxPositions).value_or(0);
  std::vector<std::int64_t> windows;
  for (std::int64_t i = 0; i < n_layers; ++i) {
    const bool unsaid = slides && i % 2 == 0 && i < last;
    const bool sliding = types.empty() ? unsaid : types[windows.size()] == "sliding_attention";
    if (sliding && !slides) fields.fail("layer_types", "has sliding layers, but use_sliding_window is false");
    if (sliding && window == 0) fields.fail("sliding_window", "must be an integer: some layers have a window");
    windows.push_back(sliding ? window : 0);
  }
  return windows;
}

std::size_t read_width(const json::Fields& fields, std::string_view key, std::int64_t unsaid) {
  return static_cast<std::size_t>(fields.get_integer(key, 1, kMaxWidth).value_or(unsaid));
}

void read_experts(const json::Fields& fields, const ExpertSizes& unsaid, QwenMoeConfig& c) {
  const std::string_view count = either_key(fields, "num_local_experts", "num_experts");  // the former: transformers 5
  c.experts =
      read_expert_sizes(fields, count, static_cast<std::int64_t>(unsaid.n), static_cast<std::int64_t>(unsaid.per_row));
  c.experts.inner = read_width(fields, "moe_intermediate_size", static_cast<std::int64_t>(unsaid.inner));
  c.norm_topk_prob = fields.get_bool("norm_topk_prob").value_or(false);
  c.sparse_step = fields.get_integer("decoder_sparse_step", 1, kMaxLayers).value_or(1);
  c.mlp_only_layers = fields.get_integers("mlp_only_layers", 0, kMaxLayers);
}

bool has_experts(const QwenMoeConfig& c, std::int64_t layer) {
  const bool excepted = std::ranges::find(c.mlp_only_layers, layer) != c.mlp_only_layers.end();
  return !excepted && (layer + 1) % c.sparse_step == 0;
}

nn::Experts make_experts(const QwenMoeConfig& c, const std::string& p, nn::WeightSource& w) {
  const std::size_t hidden = c.experts.hidden;
  nn::Experts experts;
  experts.router = {
      .gate = w.linear(p + "gate", c.experts.n, hidden), .top_k = c.experts.per_row, .normalize = c.norm_topk_prob};
  experts.routed = routed_experts(c.experts, p + "experts.", {}, w);
  experts.activation = c.activation;
  if (c.shared_inner == 0) return experts;
  const std::string shared = p + "shared_expert.";
  experts.shared = {.gate_proj = w.linear(shared + "gate_proj", c.shared_inner, hidden),
                    .up_proj = w.linear(shared + "up_proj", c.shared_inner, hidden),
                    .down_proj = w.linear(shared + "down_proj", hidden, c.shared_inner)};
  experts.shared_gate = w.linear(p + "shared_expert_gate", 1, hidden);
  return experts;
}

std::unique_ptr<DecoderModel> make(const QwenMoeConfig& c, nn::WeightSource& w) {
  const auto finish = [&](std::int64_t i, const std::string& prefix, DecoderParts::Layer& layer) {
    if (has_experts(c, i)) {
      layer.mlp = make_experts(c, prefix + "mlp.", w);
    } else {
      layer.mlp = gated_mlp(c, prefix + "mlp.", w);
    }
  };
  return make_decoder(llama_parts(c, w, finish));
}

}  // namespace

std::unique_ptr<DecoderModel> make_qwen2_moe(const json::Fields& fields, nn::WeightSource& w) {
  QwenMoeConfig c{read_decoder_config(fields, {.n_kv_heads = 16, .max_positions = 32768})};
  c.qkv_bias = fields.get_bool("qkv_bias").value_or(true);
  c.windows = read_windows(fields, c.n_layers);
  read_experts(fields, {.n = 60, .per_row = 4, .inner = 1408}, c);
  c.shared_inner = read_width(fields, "shared_expert_intermediate_size", 5632);
  return make(c, w);
}

std::unique_ptr<DecoderModel> make_qwen3_moe(const json::Fields& fields, nn::WeightSource& w) {
  QwenMoeConfig c{read_decoder_config(fields, {.n_kv_heads = 4, .max_positions = 32768})};
  c.qkv_bias = c.o_bias = fields.get_bool("attention_bias").value_or(false);
  c.qk_norm = true;
  if (fields.get_bool("use_sliding_window").value_or(false)) c.windows.assign(c.windows.size(), read_window(fields));
  read_experts(fields, {.n = 128, .per_row = 8, .inner = 768}, c);
  return make(c, w);
}

}  // namespace skald::models
