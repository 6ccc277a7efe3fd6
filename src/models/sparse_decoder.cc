#include "models/sparse_decoder.h"

#include "models/rotary_parts.h"

namespace skald::models {
namespace {

std::size_t size(std::int64_t n) { return static_cast<std::size_t>(n); }

}  // namespace

ExpertSizes read_expert_sizes(const json::Fields& fields, std::string_view n_key, std::int64_t n_unsaid,
                              std::int64_t per_row_unsaid) {
  constexpr const char* kPerRow = "num_experts_per_tok";
  const std::int64_t n = fields.get_integer(n_key, 1, kMaxExperts).value_or(n_unsaid);
  const std::int64_t per_row = fields.get_integer(kPerRow, 1, kMaxExperts).value_or(per_row_unsaid);
  if (per_row > n) {
    fields.fail(kPerRow, "must be at most " + std::string(n_key) + ", which is " + std::to_string(n));
  }
  return {.n = size(n),
          .per_row = size(per_row),
          .hidden = size(fields.need_integer("hidden_size", 1, kMaxWidth)),
          .inner = size(fields.need_integer("intermediate_size", 1, kMaxWidth))};
}

std::vector<nn::Expert> routed_experts(const ExpertSizes& sizes, const std::string& prefix, const ExpertNames& names,
                                       nn::WeightSource& w) {
  const std::size_t n = sizes.n;
  const std::size_t hidden = sizes.hidden;
  const std::size_t inner = sizes.inner;
  const bool together = w.has(prefix + "gate_up_proj");
  w.set_step_share(sizes.per_row, n);
  std::vector<nn::Expert> experts(n);
  for (std::size_t e = 0; e < n; ++e) {
    if (together) {
      const auto half = [&](std::size_t first) {
        return w.linear({.matrix = prefix + "gate_up_proj"}, inner, hidden,
                        {.outputs = 2 * inner, .first = first, .planes = n, .plane = e});
      };
      experts[e] = {.gate_proj = half(0),
                    .up_proj = half(inner),
                    .down_proj = w.linear({.matrix = prefix + "down_proj"}, hidden, inner, {.planes = n, .plane = e})};
    } else {
      const std::string p = prefix + std::to_string(e) + ".";
      experts[e] = {.gate_proj = w.linear(p + names.gate, inner, hidden),
                    .up_proj = w.linear(p + names.up, inner, hidden),
                    .down_proj = w.linear(p + names.down, hidden, inner)};
    }
  }
  w.set_step_share(1, 1);
  return experts;
}

SparseDecoder::SparseDecoder(DecoderConfig config, nn::WeightSource& w, FinishLayer finish)
    : config_(std::move(config)), rope_(config_.rope) {
  const DecoderConfig& c = config_;
  const std::size_t hidden = size(c.hidden_size);
  embed_tokens_ = w.matrix("model.embed_tokens.weight", size(c.vocab_size), hidden);
  layers_.resize(size(c.n_layers));
  for (std::int64_t i = 0; i < c.n_layers; ++i) {
    const std::string p = "model.layers." + std::to_string(i) + ".";
    SparseLayer& layer = layers_[size(i)];
    layer.input_layernorm = w.rms_norm(p + "input_layernorm", hidden, c.rms_norm_eps);
    layer.self_attn = rotary_attention(c, rope_, i, p + "self_attn.", w);
    layer.post_attention_layernorm = w.rms_norm(p + "post_attention_layernorm", hidden, c.rms_norm_eps);
    finish(i, p, layer);
  }
  norm_ = w.rms_norm("model.norm", hidden, c.rms_norm_eps);
  lm_head_ = language_model_head(c, w);
  shape_ = rotary_shape(c, rope_);
}

StateLayout SparseDecoder::state_layout() const {
  return nn::paged_layout(config_.windows, size(config_.n_kv_heads), size(config_.head_dim));
}

void SparseDecoder::embed(float* x, nn::Context& context) const {
  nn::embed_rows(*embed_tokens_, x, context);
  rope_.prepare(context);
}

void SparseDecoder::layer(int i, float* x, const nn::Context& context) const {
  const SparseLayer& l = layers_[static_cast<std::size_t>(i)];
  l.self_attn.add_to(x, {.before = &l.input_layernorm}, i, context);
  std::visit([&](const auto& block) { block.add_to(x, {.before = &l.post_attention_layernorm}, context); }, l.mlp);
}

}  // namespace skald::models
