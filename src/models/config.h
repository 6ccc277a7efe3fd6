// config.json as explicit settings: every key that matters is read, checked and given its default here or in a family.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "json/fields.h"
#include "kernels/kernels.h"
#include "nn/rope.h"

namespace skald::models {

inline constexpr std::int64_t kMaxWidth = 1 << 20;
inline constexpr std::int64_t kMaxVocab = 1 << 24;
inline constexpr std::int64_t kMaxLayers = 4096;
inline constexpr std::int64_t kMaxHeads = 1 << 14;
inline constexpr std::int64_t kMaxExperts = 1 << 14;
inline constexpr std::int64_t kMaxPositions = std::int64_t{1} << 31;

/// Sizes and choices of a decoder of the Llama form. Names are those of config.json.
struct DecoderConfig {
  std::string model_type;
  std::int64_t vocab_size = 0;
  std::int64_t hidden_size = 0;
  std::int64_t intermediate_size = 0;
  std::int64_t n_layers = 0;
  std::int64_t n_heads = 0;
  std::int64_t n_kv_heads = 0;  // divides n_heads
  std::int64_t head_dim = 0;    // even
  std::int64_t max_positions = 0;
  float norm_eps = 0;
  kernels::Activation activation = kernels::Activation::silu;
  bool squared = false;  // "relu2": the activation times what it is of
  bool tie_word_embeddings = false;
  bool qkv_bias = false;
  bool o_bias = false;
  bool mlp_bias = false;
  bool fused_projections = false;  // q, k and v stand in one weight, qkv_proj; gate and up in gate_up_proj
  bool qk_norm = false;
  std::vector<std::int64_t> windows;  // [n_layers] positions that a query sees, itself included; 0: all
  nn::RopeSettings rope;
};

/// What differs between families where a config is silent, as in transformers 5.23's configuration classes.
struct ConfigDefaults {
  std::int64_t n_kv_heads = 0;  // where the key is absent; 0: n_heads
  std::int64_t head_dim = 0;    // where the key is absent; 0: hidden_size / n_heads
  std::int64_t max_positions = 0;
  double norm_eps = 1e-6;
  std::string_view activation_key = "hidden_act";
  std::string_view activation = "silu";  // "relu2" is known where it is this
  double rope_theta = 10000;
  bool tie_word_embeddings = false;
  bool partial_rotary = false;          // whether partial_rotary_factor counts with every rope type
  std::int64_t original_positions = 0;  // > 0: original_max_position_embeddings counts beside the rope object only
  bool only_longrope = false;           // no other scaling; its former names were "su" and "yarn"
  bool mxfp4 = false;                   // checkpoints may be quantised so; others are refused here
  std::int64_t vocab_size = 0;          // where the key is absent; 0: it must be there
  std::int64_t n_heads = 0;             // likewise
  bool rotary = true;                   // else heads may be odd, and no scaling is read
  double partial_rotary_factor = 1;     // where the key is absent
  std::int64_t inner_per_hidden = 0;    // > 0: intermediate_size is so many times hidden_size where absent or null
  // Under which names a family has what others have under the names below; transformers reads both.
  std::string_view hidden_key = "hidden_size";
  std::string_view layers_key = "num_hidden_layers";
  std::string_view heads_key = "num_attention_heads";
  std::string_view inner_key = "intermediate_size";
  std::string_view positions_key = "max_position_embeddings";
  std::string_view norm_eps_key = "rms_norm_eps";
  std::string_view theta_key = "rope_theta";
  std::string_view partial_rotary_key = "partial_rotary_factor";
  // Not empty: the settings are those of layers of this type, "full_attention", in an object of their own. Settings for
  // all layers are then those of full attention.
  std::string_view rope_of = "";
};

/// `alias` where the config has it, else `key`: the name under which a setting with two names counts.
std::string_view either_key(const json::Fields& fields, std::string_view alias, std::string_view key);

/// The activation that `key` names, `fallback` where it is absent. Throws UnsupportedError that lists the known ones.
kernels::Activation read_activation(const json::Fields& fields, std::string_view key, std::string_view fallback);

/// The activation `name`, which stands under `key` or in it.
kernels::Activation find_activation(const json::Fields& fields, std::string_view key, const std::string& name);

/// A norm's epsilon, in [0, 1].
float read_epsilon(const json::Fields& fields, std::string_view key, double fallback);

/// Limits [low, high] with 0 <= low <= high, no limits where `key` is absent. Infinity is what is beyond f32, or
/// {"__float__": "Infinity"} as transformers 5 writes it.
std::pair<float, float> read_limits(const json::Fields& fields, std::string_view key);

/// quantization_config.quant_method of a folder that `skald quantize` wrote.
inline constexpr std::string_view kQuantMethod = "skald";

/// Throws UnsupportedError for a checkpoint whose weights are stored quantised in a way that is not our own.
void refuse_quantized(const json::Fields& fields);

/// The sizes, the activation, tying and rope_parameters: what all families share. Throws FormatError that names key,
/// value and range, or UnsupportedError for a value of a kind that is not known.
DecoderConfig read_decoder_config(const json::Fields& fields, const ConfigDefaults& defaults);

/// sliding_window: `unsaid` where the key is absent, 0 (all positions) where it is null.
std::int64_t read_window(const json::Fields& fields, std::int64_t unsaid = 4096);

/// layer_types: [n_layers] of full_attention and sliding_attention; empty where the config has none.
std::vector<std::string> read_layer_types(const json::Fields& fields, std::int64_t n_layers);

/// Windows [n_layers] of the layers that layer_types names or, without it, of all but every `turn`th one.
std::vector<std::int64_t> read_windows_by_turns(const json::Fields& fields, std::int64_t n_layers,
                                                std::int64_t unsaid = 4096, std::int64_t turn = 2);

/// Qwen's windows [n_layers]: where use_sliding_window is set, in the layers that layer_types names or, without it,
/// from max_window_layers on.
std::vector<std::int64_t> read_windows_by_layer(const json::Fields& fields, std::int64_t n_layers);

/// rope_parameters of transformers 5, or rope_scaling and rope_theta of earlier ones.
nn::RopeSettings read_rope_settings(const json::Fields& fields, std::int64_t head_dim, std::int64_t max_positions,
                                    const ConfigDefaults& defaults = {});

}  // namespace skald::models
