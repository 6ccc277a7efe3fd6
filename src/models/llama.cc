// The Llama form: pre-norm, rotary positions, grouped-query attention, gated MLP.
// Reference: transformers/models/{llama,mistral,phi3,qwen2,qwen3}/modeling_*.py
//   mistral: every layer has a window
//   phi3:    fused projections; partly rotated heads; longrope
//   qwen2:   biases on q, k, v; windows by layer
//   qwen3:   RMSNorm per head on q and k; head_dim comes from the config
#include "models/decoder_parts.h"
#include "models/registry.h"

namespace skald::models {
namespace {

std::unique_ptr<DecoderModel> make(const DecoderConfig& c, nn::WeightSource& w) {
  return make_decoder(llama_parts(c, w));
}

}  // namespace

std::unique_ptr<DecoderModel> make_llama(const json::Fields& fields, nn::WeightSource& weights) {
  DecoderConfig c = read_decoder_config(fields, {.max_positions = 2048});
  c.qkv_bias = c.o_bias = fields.get_bool("attention_bias").value_or(false);
  c.mlp_bias = fields.get_bool("mlp_bias").value_or(false);
  return make(c, weights);
}

std::unique_ptr<DecoderModel> make_mistral(const json::Fields& fields, nn::WeightSource& weights) {
  DecoderConfig c = read_decoder_config(fields, {.n_kv_heads = 8, .max_positions = 4096 * 32});
  c.windows.assign(c.windows.size(), read_window(fields));
  return make(c, weights);
}

std::unique_ptr<DecoderModel> make_phi3(const json::Fields& fields, nn::WeightSource& weights) {
  DecoderConfig c = read_decoder_config(fields, {.max_positions = 4096,
                                                 .norm_eps = 1e-5,
                                                 .partial_rotary = true,
                                                 .original_positions = 4096,
                                                 .only_longrope = true});
  c.fused_projections = true;
  c.windows.assign(c.windows.size(), fields.get_integer("sliding_window", 1, kMaxPositions).value_or(0));
  return make(c, weights);
}

std::unique_ptr<DecoderModel> make_qwen2(const json::Fields& fields, nn::WeightSource& weights) {
  DecoderConfig c = read_decoder_config(fields, {.n_kv_heads = 32, .max_positions = 32768});
  c.qkv_bias = true;
  c.windows = read_windows_by_layer(fields, c.n_layers);
  return make(c, weights);
}

std::unique_ptr<DecoderModel> make_qwen3(const json::Fields& fields, nn::WeightSource& weights) {
  DecoderConfig c = read_decoder_config(fields, {.n_kv_heads = 32, .head_dim = 128, .max_positions = 32768});
  c.qkv_bias = c.o_bias = fields.get_bool("attention_bias").value_or(false);
  c.qk_norm = true;
  c.windows = read_windows_by_layer(fields, c.n_layers);
  return make(c, weights);
}

}  // namespace skald::models
