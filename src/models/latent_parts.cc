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
  for (std::size_t h = 0; h < heads; ++h) {
    const std::size_t first = h * (nope + value);
    const std::size_t all = heads * (nope + value);
    attention.key_up.push_back(w.factor(kv_b, rank, nope, {.inputs = all, .first_input = first, .transposed = true}));
    attention.value_up.push_back(w.factor(kv_b, value, rank, {.outputs = all, .first = first + nope}));
  }
  attention.o_proj = w.linear(prefix + "o_proj", hidden, heads * value, c.attention_bias);
  attention.spec = {
      .n_heads = heads, .kv_heads = 1, .k_dim = rank + rope, .v_dim = rank, .latent = true, .scale = c.scale};
  attention.interleaved = c.rope_interleave;
  return attention;
}

nn::StateLayout latent_layout(const LatentConfig& c, std::int64_t n_layers) {
  std::vector<int> layers(size(n_layers));
  std::iota(layers.begin(), layers.end(), 0);
  return {{{.kind = nn::StateGroup::Kind::latent,
            .layers = std::move(layers),
            .kv_heads = 1,
            .k_dim = size(c.kv_lora_rank + c.qk_rope_head_dim)}}};
}

}  // namespace skald::models
