// gpt-oss: experts with biases and a clamped activation, often stored as MXFP4; attention with sinks, and a window in
// every second layer. Reference: transformers/models/gpt_oss/modeling_gpt_oss.py
#include "models/decoder_parts.h"
#include "models/expert_parts.h"
#include "models/registry.h"

namespace skald::models {
namespace {

struct GptOssConfig : DecoderConfig {
  ExpertSizes experts;
  nn::ClampedSwiglu swiglu;
};

// What a config without any rope settings stands for.
nn::RopeSettings unsaid_rope(const json::Fields& fields, nn::RopeSettings rope) {
  rope.type = "yarn";
  rope.factor = 32;
  rope.truncate = false;
  rope.original_positions = fields.get_integer("original_max_position_embeddings", 1, kMaxPositions).value_or(4096);
  return rope;
}

GptOssConfig read_config(const json::Fields& fields) {
  GptOssConfig c{read_decoder_config(fields, {.n_kv_heads = 8,
                                              .head_dim = 64,
                                              .max_positions = 131072,
                                              .norm_eps = 1e-5,
                                              .rope_theta = 150000,
                                              .mxfp4 = true}),
                 {},
                 {}};
  const auto scaling = fields.get_object("rope_scaling");
  const bool scales = scaling && !scaling->value().as_object().empty();
  if (!scales && !fields.has("rope_parameters")) c.rope = unsaid_rope(fields, c.rope);
  c.qkv_bias = c.o_bias = fields.get_bool("attention_bias").value_or(true);
  c.windows = read_windows_by_turns(fields, c.n_layers, /*unsaid=*/128);
  c.experts = read_expert_sizes(fields, either_key(fields, "num_experts", "num_local_experts"), /*n_unsaid=*/128,
                                /*per_row_unsaid=*/4);
  c.swiglu.alpha = static_cast<float>(fields.get_number("swiglu_alpha", -1e6, 1e6).value_or(1.702));
  c.swiglu.limit = static_cast<float>(fields.get_number("swiglu_limit", 0, 1e6).value_or(7));
  return c;
}

// gate_up_proj [n, inputs, outputs] holds gate and up by turns.
std::vector<nn::Expert> make_routed(const GptOssConfig& c, const std::string& p, nn::WeightSource& w) {
  const std::size_t n = c.experts.n;
  const std::size_t hidden = c.experts.hidden;
  const std::size_t inner = c.experts.inner;
  const auto weight = [&](const std::string& name, std::size_t outputs, std::size_t inputs, nn::Part part) {
    part.planes = n;
    part.transposed = true;
    return w.linear({.matrix = name, .bias = name + "_bias"}, outputs, inputs, part);
  };
  w.set_step_share(c.experts.per_row, n);
  std::vector<nn::Expert> experts(n);
  for (std::size_t e = 0; e < n; ++e) {
    const auto turn = [&](std::size_t first) {
      return weight(p + "gate_up_proj", inner, hidden,
                    {.outputs = 2 * inner, .first = first, .run = 1, .stride = 2, .plane = e});
    };
    experts[e] = {
        .gate_proj = turn(0), .up_proj = turn(1), .down_proj = weight(p + "down_proj", hidden, inner, {.plane = e})};
  }
  w.set_step_share(1, 1);
  return experts;
}

nn::Experts make_experts(const GptOssConfig& c, const std::string& p, nn::WeightSource& w) {
  nn::Experts experts;
  experts.router = {.gate = w.linear(p + "router", c.experts.n, c.experts.hidden, /*bias=*/true),
                    .rule = nn::Router::Rule::softmax_of_best,
                    .top_k = c.experts.per_row};
  experts.routed = make_routed(c, p + "experts.", w);
  experts.clamped = c.swiglu;
  return experts;
}

}  // namespace

std::unique_ptr<DecoderModel> make_gpt_oss(const json::Fields& fields, nn::WeightSource& w) {
  const GptOssConfig c = read_config(fields);
  const auto add_experts = [&](std::int64_t /*i*/, const std::string& prefix, DecoderParts::Layer& layer) {
    layer.self.spec.sinks = w.vector(prefix + "self_attn.sinks", layer.self.spec.n_heads);
    layer.mlp = make_experts(c, prefix + "mlp.", w);
  };
  return make_decoder(llama_parts(c, w, add_experts));
}

}  // namespace skald::models
