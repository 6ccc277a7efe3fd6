#include "models/latent_parts.h"

#include <cmath>
#include <numeric>

namespace skald::models {
namespace {

constexpr float kLatentNormEps = 1e-6F;  // of q_a_layernorm and kv_a_layernorm, whatever the config's rms_norm_eps
constexpr std::int64_t kMaxHeadDim = 1 << 16;

std::size_t size(std::int64_t n) { return static_cast<std::size_t>(n); }

// The key counts with YaRN alone here.
void refuse_unread_magnitude(const json::Fields& fields, const DecoderConfig& decoder) {
  if (decoder.rope.type == "yarn" || decoder.rope.type == "default") return;
  for (const char* const key : {"rope_scaling", "rope_parameters"}) {
    const auto scaling = fields.get_object(key);
    if (!scaling || scaling->get_number("mscale_all_dim", 0, 1e6).value_or(0) == 0) continue;
    scaling->fail("mscale_all_dim", "is read with rope_type yarn, not " + decoder.rope.type);
  }
}

// 1 / sqrt(size of q), times YaRN's magnitude squared: https://arxiv.org/abs/2309.00071
float score_scale(const LatentConfig& c, const nn::RopeSettings& rope) {
  const double scale = 1.0 / std::sqrt(static_cast<double>(c.qk_nope_head_dim + c.qk_rope_head_dim));
  const double all_dim = rope.mscale_all_dim.value_or(0);
  const double magnitude = all_dim != 0 && *rope.factor > 1 ? 0.1 * all_dim * std::log(*rope.factor) + 1.0 : 1.0;
  return static_cast<float>(scale * magnitude * magnitude);
}

nn::LatentAttention latent_attention(const LatentConfig& c, const DecoderConfig& decoder, const std::string& prefix,
                                     nn::WeightSource& w) {
  const std::size_t hidden = size(decoder.hidden_size);
  const std::size_t heads = size(decoder.n_heads);
  const std::size_t rank = size(c.kv_lora_rank);
  const std::size_t nope = size(c.qk_nope_head_dim);
  const std::size_t rope = size(c.qk_rope_head_dim);
  const std::size_t value = size(c.v_head_dim);
  const std::size_t q_width = heads * (nope + rope);
  nn::LatentAttention attention;
  if (c.q_lora_rank > 0) {
    attention.q_a_proj = w.linear(prefix + "q_a_proj", size(c.q_lora_rank), hidden, c.attention_bias);
    attention.q_a_layernorm = w.rms_norm(prefix + "q_a_layernorm", size(c.q_lora_rank), kLatentNormEps);
    attention.q_b_proj = w.linear(prefix + "q_b_proj", q_width, size(c.q_lora_rank));
  } else {
    attention.q_b_proj = w.linear(prefix + "q_proj", q_width, hidden);
  }
  attention.kv_a_proj_with_mqa = w.linear(prefix + "kv_a_proj_with_mqa", rank + rope, hidden, c.attention_bias);
  attention.kv_a_layernorm = w.rms_norm(prefix + "kv_a_layernorm", rank, kLatentNormEps);
  const std::string kv_b = prefix + "kv_b_proj.weight";  // [heads, nope + value, rank]
  const std::string k_b = prefix + "k_b_proj.weight";    // GGUF has it in parts: [heads, rank, nope]
  const std::string v_b = prefix + "v_b_proj.weight";    // and [heads, value, rank]
  const bool in_parts = w.has(k_b);
  for (std::size_t h = 0; h < heads; ++h) {
    const std::size_t first = h * (nope + value);
    const std::size_t all = heads * (nope + value);
    if (in_parts) {
      attention.key_up.push_back(w.factor(k_b, rank, nope, {.planes = heads, .plane = h}));
      attention.value_up.push_back(w.factor(v_b, value, rank, {.planes = heads, .plane = h}));
      continue;
    }
    attention.key_up.push_back(w.factor(kv_b, rank, nope, {.inputs = all, .first_input = first, .transposed = true}));
    attention.value_up.push_back(w.factor(kv_b, value, rank, {.outputs = all, .first = first + nope}));
  }
  attention.o_proj = w.linear(prefix + "o_proj", hidden, heads * value, c.attention_bias);
  attention.spec = {
      .n_heads = heads, .kv_heads = 1, .k_dim = rank + rope, .v_dim = rank, .latent = true, .scale = c.scale};
  attention.interleaved = c.rope_interleave;
  return attention;
}

class LatentDecoder final : public DecoderModel {
 public:
  LatentDecoder(const LatentConfig& config, const DecoderConfig& decoder, MakeLatentBlock block, nn::WeightSource& w);
  [[nodiscard]] StateLayout state_layout() const override;

 private:
  struct Layer {
    nn::Norm input_layernorm;
    nn::LatentAttention self_attn;
    nn::Norm post_attention_layernorm;
    LatentBlock mlp;
  };

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

  std::size_t latent_dim_;
  nn::Rope rope_;
  std::shared_ptr<const nn::PackedMatrix> embed_tokens_;
  std::vector<Layer> layers_;
  nn::Norm norm_;
  nn::Linear lm_head_;
};

LatentDecoder::LatentDecoder(const LatentConfig& config, const DecoderConfig& c, MakeLatentBlock block,
                             nn::WeightSource& w)
    : latent_dim_(size(config.kv_lora_rank + config.qk_rope_head_dim)), rope_(c.rope) {
  const auto norm = [&](const std::string& name) { return w.rms_norm(name, size(c.hidden_size), c.norm_eps); };
  embed_tokens_ = w.matrix("model.embed_tokens.weight", size(c.vocab_size), size(c.hidden_size));
  layers_.reserve(size(c.n_layers));
  for (std::int64_t i = 0; i < c.n_layers; ++i) {
    const std::string p = "model.layers." + std::to_string(i) + ".";
    Layer& layer = layers_.emplace_back();
    layer.input_layernorm = norm(p + "input_layernorm");
    layer.self_attn = latent_attention(config, c, p + "self_attn.", w);
    layer.post_attention_layernorm = norm(p + "post_attention_layernorm");
    layer.mlp = block(i, p + "mlp.");
  }
  norm_ = norm("model.norm");
  lm_head_ = language_model_head(c, w);
  shape_ = rotary_shape(c, rope_);
}

StateLayout LatentDecoder::state_layout() const {
  std::vector<int> layers(layers_.size());
  std::iota(layers.begin(), layers.end(), 0);
  return {{{.kind = nn::StateGroup::Kind::latent, .layers = std::move(layers), .kv_heads = 1, .k_dim = latent_dim_}}};
}

}  // namespace

std::int64_t read_rope_head_dim(const json::Fields& fields) {
  const std::int64_t dim = fields.get_integer("qk_rope_head_dim", 2, kMaxHeadDim).value_or(64);
  if (dim % 2 != 0) fields.fail("qk_rope_head_dim", "must be even: pairs are rotated");
  return dim;
}

LatentConfig read_latent_config(const json::Fields& fields, const DecoderConfig& decoder) {
  LatentConfig c;
  c.qk_rope_head_dim = read_rope_head_dim(fields);
  if (decoder.head_dim != c.qk_rope_head_dim) {
    fields.fail("head_dim", "must be qk_rope_head_dim, which is " + std::to_string(c.qk_rope_head_dim));
  }
  if (decoder.rope.rotary_dim() != c.qk_rope_head_dim) {
    fields.fail("partial_rotary_factor", "must be 1: all of qk_rope_head_dim is rotated");
  }
  if (decoder.n_kv_heads != decoder.n_heads) {
    fields.fail("num_key_value_heads", "must be num_attention_heads, which is " + std::to_string(decoder.n_heads));
  }
  const std::int64_t unsaid = fields.find("q_lora_rank") == nullptr ? 1536 : 0;
  c.q_lora_rank = fields.get_integer("q_lora_rank", 1, kMaxWidth).value_or(unsaid);
  c.kv_lora_rank = fields.get_integer("kv_lora_rank", 1, kMaxWidth).value_or(512);
  c.qk_nope_head_dim = fields.get_integer("qk_nope_head_dim", 1, kMaxHeadDim).value_or(128);
  c.v_head_dim = fields.get_integer("v_head_dim", 1, kMaxHeadDim).value_or(128);
  c.rope_interleave = fields.get_bool("rope_interleave").value_or(true);
  c.attention_bias = fields.get_bool("attention_bias").value_or(false);
  refuse_unread_magnitude(fields, decoder);
  c.scale = score_scale(c, decoder.rope);
  return c;
}

std::optional<nn::Expert> shared_experts(const ExpertSizes& sizes, std::int64_t shared, const std::string& prefix,
                                         nn::WeightSource& w, bool bias) {
  const std::size_t width = sizes.inner * size(shared);
  if (width == 0) return std::nullopt;
  return nn::Expert{.gate_proj = w.linear(prefix + "gate_proj", width, sizes.hidden, bias),
                    .up_proj = w.linear(prefix + "up_proj", width, sizes.hidden, bias),
                    .down_proj = w.linear(prefix + "down_proj", sizes.hidden, width, bias)};
}

ExpertGroups read_expert_groups(const json::Fields& fields, const ExpertSizes& sizes, std::int64_t least,
                                const ExpertGroups& unsaid) {
  constexpr std::int64_t kMost = nn::kMaxExpertGroups;
  const auto check = [&](std::string_view key, bool right, const std::string& rule, std::int64_t number) {
    if (!right) fields.fail(key, rule + std::to_string(number));
  };
  const auto experts = static_cast<std::int64_t>(sizes.n);
  const std::int64_t n = fields.get_integer("n_group", 1, kMost).value_or(unsaid.n);
  check("n_group", experts % n == 0 && experts / n >= least,
        "must cut all experts into equal groups of " + std::to_string(least) + " or more; experts: ", experts);
  const std::int64_t best = fields.get_integer("topk_group", 1, kMost).value_or(unsaid.best);
  check("topk_group", best <= n, "must be at most n_group, which is ", n);
  check("num_experts_per_tok", static_cast<std::int64_t>(sizes.per_row) <= best * (experts / n),
        "must be at most the experts of topk_group groups, ", best * (experts / n));
  return {.n = n, .best = best};
}

std::unique_ptr<DecoderModel> make_latent_decoder(const LatentConfig& config, const DecoderConfig& decoder,
                                                  MakeLatentBlock block, nn::WeightSource& w) {
  return std::make_unique<LatentDecoder>(config, decoder, block, w);
}

}  // namespace skald::models
