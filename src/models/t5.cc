// T5, mT5 and UMT5: an encoder-decoder whose attention is biased by relative position, all layers alike (UMT5: each by
// its own table), and not scaled. Reference: transformers/models/{t5,mt5,umt5}/modeling_*.py
//   logits are scaled by d_model^-0.5, but not where a T5 config says tie_word_embeddings: false (v1.1, Flan)
#include <array>
#include <cmath>

#include "models/config.h"
#include "models/encoder_decoder.h"
#include "models/registry.h"
#include "nn/relative_bias.h"

namespace skald::models {
namespace {

constexpr std::int64_t kMaxDistance = 4096;  // the table of biases has 2 * distance + 1 columns
const std::array<std::string, 4> kTied = {"shared", "encoder.embed_tokens", "decoder.embed_tokens", "lm_head"};

std::size_t size(std::int64_t n) { return static_cast<std::size_t>(n); }

struct T5Config {
  std::size_t vocab_size, d_model, d_kv, d_ff, n_heads;
  std::int64_t n_layers, n_decoder_layers;
  nn::RelativeBuckets buckets;
  float epsilon;
  bool gated, own_biases;
  kernels::Activation activation;
};

T5Config read_config(const json::Fields& fields, const std::string& default_projection) {
  refuse_quantized(fields);
  T5Config c{};
  c.vocab_size = size(fields.need_integer("vocab_size", 1, kMaxVocab));
  c.d_model = size(fields.need_integer("d_model", 1, kMaxWidth));
  c.d_kv = size(fields.need_integer("d_kv", 1, kMaxWidth));
  c.d_ff = size(fields.need_integer("d_ff", 1, kMaxWidth));
  c.n_heads = size(fields.need_integer("num_heads", 1, kMaxHeads));
  c.n_layers = fields.need_integer("num_layers", 1, kMaxLayers);
  c.n_decoder_layers = fields.get_integer("num_decoder_layers", 1, kMaxLayers).value_or(c.n_layers);
  c.buckets.buckets = fields.get_integer("relative_attention_num_buckets", 4, kMaxDistance).value_or(32);
  c.buckets.max_distance = fields.get_integer("relative_attention_max_distance", 1, kMaxDistance).value_or(128);
  if (c.buckets.max_distance <= c.buckets.buckets / 2) {
    fields.fail("relative_attention_max_distance", "must be above half of relative_attention_num_buckets");
  }
  c.epsilon = read_epsilon(fields, "layer_norm_epsilon", 1e-6);
  const std::string projection = fields.get_string("feed_forward_proj").value_or(default_projection);
  c.gated = projection.starts_with("gated-");
  const std::string name = projection == "gated-gelu" ? "gelu_new" : projection.substr(c.gated ? 6 : 0);
  c.activation = find_activation(fields, "feed_forward_proj", name);
  return c;
}

template <typename Attention>
void read_attention(const std::string& p, const T5Config& c, nn::WeightSource& w, Attention& attention) {
  const std::size_t width = c.n_heads * c.d_kv;
  attention.q_proj = w.linear(p + "q", width, c.d_model);
  attention.k_proj = w.linear(p + "k", width, c.d_model);
  attention.v_proj = w.linear(p + "v", width, c.d_model);
  attention.o_proj = w.linear(p + "o", c.d_model, width);
  attention.spec = {.n_heads = c.n_heads, .kv_heads = c.n_heads, .k_dim = c.d_kv, .v_dim = c.d_kv};
}

Stack::Layer read_layer(const std::string& p, bool decodes, const T5Config& c, nn::WeightSource& w) {
  Stack::Layer layer;
  layer.self_norm = w.rms_norm(p + "0.layer_norm", c.d_model, c.epsilon);
  read_attention(p + "0.SelfAttention.", c, w, layer.self);
  layer.self.spec.mask = decodes ? nn::AttentionSpec::Mask::causal : nn::AttentionSpec::Mask::full;
  layer.self.spec.bias = nn::AttentionSpec::Bias::relative;
  if (decodes) {
    layer.cross_norm = w.rms_norm(p + "1.layer_norm", c.d_model, c.epsilon);
    read_attention(p + "1.EncDecAttention.", c, w, layer.cross);
    layer.cross.spec.mask = nn::AttentionSpec::Mask::cross;
  }
  const std::string mlp = p + (decodes ? "2." : "1.");
  const std::string dense = mlp + "DenseReluDense.";
  layer.mlp_norm = w.rms_norm(mlp + "layer_norm", c.d_model, c.epsilon);
  if (c.gated) layer.mlp.gate_proj = w.linear(dense + "wi_0", c.d_ff, c.d_model);
  layer.mlp.up_proj = w.linear(dense + (c.gated ? "wi_1" : "wi"), c.d_ff, c.d_model);
  layer.mlp.down_proj = w.linear(dense + "wo", c.d_model, c.d_ff);
  layer.mlp.activation = c.activation;
  return layer;
}

// [buckets][n_heads]
std::vector<std::vector<float>> read_biases(const std::string& name, const T5Config& c, nn::WeightSource& w) {
  std::vector<std::vector<float>> table;
  const std::size_t rows = size(c.buckets.buckets);
  for (std::size_t b = 0; b < rows; ++b) table.push_back(w.vector(name, c.n_heads, {.planes = rows, .plane = b}));
  return table;
}

Stack read_stack(const std::string& name, std::int64_t n_layers, const T5Config& c, nn::WeightSource& w) {
  const bool decodes = name == "decoder";
  Stack stack;
  const std::string embedding = stored_embedding(w, name + ".embed_tokens", kTied);
  stack.embed_tokens = w.matrix(embedding + ".weight", c.vocab_size, c.d_model);
  nn::RelativeBuckets buckets = c.buckets;
  buckets.both_sides = !decodes;
  std::vector<std::vector<float>> table;  // [buckets][n_heads]
  for (std::int64_t i = 0; i < n_layers; ++i) {
    const std::string p = name + ".block." + std::to_string(i) + ".layer.";
    if (i == 0 || c.own_biases) table = read_biases(p + "0.SelfAttention.relative_attention_bias.weight", c, w);
    stack.layers.push_back(read_layer(p, decodes, c, w));
    stack.layers.back().self.spec.relative = make_relative_bias(buckets, table);
  }
  stack.final_norm = w.rms_norm(name + ".final_layer_norm", c.d_model, c.epsilon);
  return stack;
}

std::unique_ptr<DecoderModel> make(const json::Fields& fields, const T5Config& c, bool scaled, nn::WeightSource& w) {
  EncoderDecoderParts parts;
  parts.encoder = read_stack("encoder", c.n_layers, c, w);
  parts.decoder = read_stack("decoder", c.n_decoder_layers, c, w);
  parts.head = w.linear(stored_embedding(w, "lm_head", kTied), c.vocab_size, c.d_model);
  if (scaled) parts.logits_scale = static_cast<float>(1 / std::sqrt(static_cast<double>(c.d_model)));
  parts.shape.model_type = fields.need_string("model_type");
  parts.shape.n_layers = c.n_decoder_layers;
  parts.shape.tied_embeddings = scaled;
  parts.shape.hidden_size = static_cast<std::int64_t>(c.d_model);
  parts.shape.n_heads = static_cast<std::int64_t>(c.n_heads);
  parts.shape.vocab_size = static_cast<std::int64_t>(c.vocab_size);
  w.leave("*EncDecAttention.relative_attention_bias.weight");
  for (const std::string& name : kTied) w.leave(name + ".weight");
  return make_encoder_decoder(std::move(parts));
}

}  // namespace

std::unique_ptr<DecoderModel> make_t5(const json::Fields& fields, nn::WeightSource& weights) {
  const bool scaled = fields.get_bool("tie_word_embeddings").value_or(true);
  return make(fields, read_config(fields, "relu"), scaled, weights);
}

std::unique_ptr<DecoderModel> make_mt5(const json::Fields& fields, nn::WeightSource& weights) {
  return make(fields, read_config(fields, "gated-gelu"), /*scaled=*/false, weights);
}

std::unique_ptr<DecoderModel> make_umt5(const json::Fields& fields, nn::WeightSource& weights) {
  T5Config c = read_config(fields, "gated-gelu");
  c.own_biases = true;
  return make(fields, c, /*scaled=*/true, weights);
}

}  // namespace skald::models
