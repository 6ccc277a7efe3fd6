// Malformed configs of each family: the error names the key, its value and what would be right.
#include <gtest/gtest.h>

#include <map>

#include "formats/tensor_source.h"
#include "json/value.h"
#include "models/registry.h"
#include "skald/error.h"

namespace skald::models {
namespace {

// A checkpoint without tensors: a config that is accepted ends in a complaint about the first of them.
class NoTensors final : public TensorSource {
 public:
  [[nodiscard]] std::span<const TensorInfo> tensors() const override { return {}; }
  void read(const TensorInfo&, std::uint64_t, std::span<std::byte>) const override {}
  [[nodiscard]] const std::string& file_of(const TensorInfo&) const override { return name_; }
  [[nodiscard]] std::string describe() const override { return name_; }

 private:
  std::string name_ = "no weights";
};

const std::map<std::string, std::string> kGood = {
    {"fundamentallm", R"({"model_type": "fundamentallm", "vocab_size": 87, "d_model": 48, "num_heads": 4})"},
    {"bloom", R"({"model_type": "bloom", "vocab_size": 160, "hidden_size": 48, "n_layer": 2, "n_head": 4})"},
    {"phi3", R"({"model_type": "phi3", "vocab_size": 160, "hidden_size": 48, "intermediate_size": 72,
       "num_hidden_layers": 2, "num_attention_heads": 4, "max_position_embeddings": 256})"},
    {"gpt2",
     R"({"model_type": "gpt2", "vocab_size": 160, "n_positions": 64, "n_embd": 48, "n_layer": 2, "n_head": 4})"},
    {"gemma2", R"({"model_type": "gemma2", "vocab_size": 160, "hidden_size": 48, "intermediate_size": 72,
       "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 12})"},
    {"deepseek_v2", R"({"model_type": "deepseek_v2", "vocab_size": 160, "hidden_size": 48, "intermediate_size": 72,
       "num_hidden_layers": 2, "num_attention_heads": 3, "qk_rope_head_dim": 8, "n_routed_experts": 8,
       "topk_method": "group_limited_greedy", "n_group": 4, "topk_group": 2, "num_experts_per_tok": 3})"},
    {"deepseek_v3", R"({"model_type": "deepseek_v3", "vocab_size": 160, "hidden_size": 48, "intermediate_size": 72,
       "num_hidden_layers": 2, "num_attention_heads": 3, "num_key_value_heads": 3, "qk_rope_head_dim": 8,
       "n_routed_experts": 8, "n_group": 4, "topk_group": 2, "num_experts_per_tok": 3})"},
    {"mamba", R"({"model_type": "mamba", "vocab_size": 160, "hidden_size": 48, "num_hidden_layers": 2})"},
    {"rwkv", R"({"model_type": "rwkv", "vocab_size": 160, "hidden_size": 48, "num_hidden_layers": 2})"},
    {"persimmon", R"({"model_type": "persimmon", "vocab_size": 160, "hidden_size": 48, "intermediate_size": 72,
       "num_hidden_layers": 2, "num_attention_heads": 3})"},
    {"t5", R"({"model_type": "t5", "vocab_size": 131, "d_model": 40, "d_kv": 12, "d_ff": 56, "num_layers": 2,
       "num_heads": 3})"},
    {"bart", R"({"model_type": "bart", "vocab_size": 131, "d_model": 36, "encoder_layers": 2, "decoder_layers": 2,
       "encoder_attention_heads": 2, "decoder_attention_heads": 4, "encoder_ffn_dim": 56, "decoder_ffn_dim": 64})"},
    {"led", R"({"model_type": "led", "vocab_size": 131, "d_model": 36, "encoder_layers": 2, "decoder_layers": 2,
       "encoder_attention_heads": 2, "decoder_attention_heads": 4, "encoder_ffn_dim": 56, "decoder_ffn_dim": 64})"},
    {"mixtral", R"({"model_type": "mixtral", "vocab_size": 160, "hidden_size": 48, "intermediate_size": 72,
       "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "num_local_experts": 6})"},
    {"qwen2_moe", R"({"model_type": "qwen2_moe", "vocab_size": 160, "hidden_size": 48, "intermediate_size": 72,
       "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "num_experts": 6})"},
    {"gpt_oss", R"({"model_type": "gpt_oss", "vocab_size": 160, "hidden_size": 64, "intermediate_size": 32,
       "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "num_local_experts": 6})"},
};

struct WrongValue {
  const char* family;
  const char* key;
  const char* value;
  const char* rule;
};

constexpr WrongValue kWrong[] = {
    {"bloom", "hidden_size", "\"64\"", "must be an integer in [1, 1048576]"},
    {"bloom", "n_embed", "0", "must be an integer in [1, 1048576]"},
    {"bloom", "n_head", "5", "must divide hidden_size, which is 48"},
    {"bloom", "num_attention_heads", "5", "must divide hidden_size, which is 48"},
    {"bloom", "n_layer", "2.5", "must be an integer in [1, 4096]"},
    {"bloom", "layer_norm_epsilon", "-1", "must be a number in [0, 1]"},
    {"bloom", "apply_residual_connection_post_layernorm", "1", "must be true or false"},
    {"bloom", "slow_but_exact", "\"no\"", "must be true or false"},
    {"fundamentallm", "vocab_size", "null", "must be an integer in [1, 16777216]"},
    {"fundamentallm", "d_model", "\"48\"", "must be an integer in [1, 1048576]"},
    {"fundamentallm", "hidden_dim", "0", "must be an integer in [1, 1048576]"},
    {"fundamentallm", "num_heads", "5", "must divide d_model, which is 48"},
    {"fundamentallm", "num_layers", "2.5", "must be an integer in [1, 4096]"},
    {"fundamentallm", "max_seq_len", "-1", "must be an integer in [1, 16777216]"},
    {"fundamentallm", "ffn_expansion", "1e30", "must be an integer in [1, 1024]"},
    {"fundamentallm", "pos_encoding", "\"rope\"", "known are learned, sinusoidal"},
    {"phi3", "sliding_window", "0", "must be an integer in"},
    {"phi3", "partial_rotary_factor", "2", "must be a number in [0, 1]"},
    {"phi3", "partial_rotary_factor", "0.25", "must be even"},
    {"phi3", "rope_scaling", "{\"type\": \"linear\", \"factor\": 2}", "known are default, longrope"},
    {"phi3", "rope_scaling", "{\"type\": \"su\", \"short_factor\": [1, 1]}", "= 6 numbers"},
    {"phi3", "rope_scaling", "{\"type\": \"yarn\", \"short_factor\": \"1\"}", "must be an array"},
    {"gpt2", "vocab_size", "\"50257\"", "must be an integer in [1, 16777216]"},
    {"gpt2", "n_positions", "0", "must be an integer in [1, 16777216]"},
    {"gpt2", "max_position_embeddings", "1e30", "must be an integer in"},
    {"gpt2", "n_embd", "null", "must be an integer in [1, 1048576]"},
    {"gpt2", "n_embd", "48.5", "must be an integer in [1, 1048576]"},
    {"gpt2", "hidden_size", "\"48\"", "must be an integer in [1, 1048576]"},
    {"gpt2", "n_layer", "-1", "must be an integer in [1, 4096]"},
    {"gpt2", "n_head", "5", "must divide n_embd, which is 48"},
    {"gpt2", "num_attention_heads", "7", "must divide n_embd, which is 48"},
    {"gpt2", "n_inner", "-4", "must be an integer in [1, 1048576]"},
    {"gpt2", "activation_function", "\"mish\"", "known are silu"},
    {"gpt2", "layer_norm_epsilon", "\"1e-5\"", "must be a number in [0, 1]"},
    {"gpt2", "scale_attn_weights", "1", "must be true or false"},
    {"gpt2", "scale_attn_by_inverse_layer_idx", "\"yes\"", "must be true or false"},
    {"gpt2", "reorder_and_upcast_attn", "0", "must be true or false"},
    {"gpt2", "tie_word_embeddings", "[]", "must be true or false"},
    {"gpt2", "quantization_config", "{\"bits\": 4}", "quantised checkpoints are not read"},
    {"deepseek_v2", "n_group", "5", "must cut all experts into equal groups of 1 or more; experts: 8"},
    {"deepseek_v2", "num_experts_per_tok", "5", "must be at most the experts of topk_group groups, 4"},
    {"deepseek_v2", "topk_method", "\"noaux_tc\"", "known are greedy, group_limited_greedy"},
    {"deepseek_v2", "num_experts_per_tok", "null", "must be an integer in [1, 16384]"},
    {"deepseek_v2", "mlp_bias", "1", "must be true or false"},
    {"mamba", "time_step_rank", "0", "must be an integer in [1, 1048576]"},
    {"mamba", "time_step_rank", "\"automatic\"", "must be an integer in [1, 1048576]"},
    {"mamba", "conv_kernel", "33", "must be an integer in [1, 32]"},
    {"rwkv", "attention_hidden_size", "40", "must be hidden_size, which is 48"},
    {"rwkv", "rescale_every", "1.5", "must be an integer in [-1, 4096]"},
    {"persimmon", "hidden_act", "\"relu3\"", "known are silu"},
    {"deepseek_v3", "qk_rope_head_dim", "7", "must be even"},
    {"deepseek_v3", "qk_rope_head_dim", "0", "must be an integer in [2, 65536]"},
    {"deepseek_v3", "head_dim", "16", "must be qk_rope_head_dim, which is 8"},
    {"deepseek_v3", "num_key_value_heads", "1", "must be num_attention_heads, which is 3"},
    {"deepseek_v3", "q_lora_rank", "0", "must be an integer in [1, 1048576]"},
    {"deepseek_v3", "kv_lora_rank", "\"512\"", "must be an integer in [1, 1048576]"},
    {"deepseek_v3", "qk_nope_head_dim", "-128", "must be an integer in [1, 65536]"},
    {"deepseek_v3", "v_head_dim", "1e9", "must be an integer in [1, 65536]"},
    {"deepseek_v3", "rope_interleave", "1", "must be true or false"},
    {"deepseek_v3", "attention_bias", "\"no\"", "must be true or false"},
    {"deepseek_v3", "first_k_dense_replace", "-1", "must be an integer in [0, 4096]"},
    {"deepseek_v3", "n_routed_experts", "0", "must be an integer in [1, 16384]"},
    {"deepseek_v3", "n_shared_experts", "1.5", "must be an integer in [0, 16384]"},
    {"deepseek_v3", "moe_intermediate_size", "0", "must be an integer in [1, 1048576]"},
    {"deepseek_v3", "n_group", "3", "must cut all experts into equal groups of 2 or more; experts: 8"},
    {"deepseek_v3", "n_group", "8", "must cut all experts into equal groups of 2 or more; experts: 8"},
    {"deepseek_v3", "topk_group", "5", "must be at most n_group, which is 4"},
    {"deepseek_v3", "num_experts_per_tok", "5", "must be at most the experts of topk_group groups, 4"},
    {"deepseek_v3", "norm_topk_prob", "\"true\"", "must be true or false"},
    {"deepseek_v3", "routed_scaling_factor", "-2.5", "must be a number in [0, 1e+06]"},
    {"deepseek_v3", "num_nextn_predict_layers", "-1", "must be an integer in [0, 4096]"},
    {"deepseek_v3", "rope_scaling", "{\"type\": \"linear\", \"factor\": 2, \"mscale_all_dim\": 1}",
     "with rope_type yarn"},
    {"deepseek_v3", "quantization_config", "{\"quant_method\": \"fp8\"}", "quantised checkpoints are not read"},
    {"t5", "d_kv", "0", "must be an integer in [1, 1048576]"},
    {"t5", "num_heads", "\"3\"", "must be an integer in [1, 16384]"},
    {"t5", "num_decoder_layers", "-1", "must be an integer in [1, 4096]"},
    {"t5", "relative_attention_num_buckets", "3", "must be an integer in [4, 4096]"},
    {"t5", "relative_attention_max_distance", "16", "must be above half of relative_attention_num_buckets"},
    {"t5", "relative_attention_max_distance", "1e9", "must be an integer in [1, 4096]"},
    {"t5", "feed_forward_proj", "\"gated-mish\"", "known are silu"},
    {"t5", "feed_forward_proj", "\"relu-gated\"", "known are silu"},
    {"t5", "layer_norm_epsilon", "-1", "must be a number in [0, 1]"},
    {"t5", "tie_word_embeddings", "\"no\"", "must be true or false"},
    {"t5", "quantization_config", "{}", "quantised checkpoints are not read"},
    {"bart", "d_model", "null", "must be an integer in [1, 1048576]"},
    {"bart", "encoder_attention_heads", "5", "must divide d_model, which is 36"},
    {"bart", "decoder_attention_heads", "0", "must be an integer in [1, 16384]"},
    {"bart", "decoder_layers", "2.5", "must be an integer in [1, 4096]"},
    {"bart", "encoder_ffn_dim", "-4", "must be an integer in [1, 1048576]"},
    {"bart", "max_position_embeddings", "0", "must be an integer in [1, 16777216]"},
    {"bart", "activation_function", "\"mish\"", "known are silu"},
    {"bart", "scale_embedding", "1", "must be true or false"},
    {"bart", "tie_word_embeddings", "[]", "must be true or false"},
    {"led", "attention_window", "7", "must be an even number, or one for each of encoder_layers = 2"},
    {"led", "attention_window", "[4, 6, 8]", "must be an even number, or one for each of encoder_layers = 2"},
    {"led", "attention_window", "[4, 0]", "must be an integer in [2, 2147483648]"},
    {"led", "max_encoder_position_embeddings", "0", "must be an integer in [1, 16777216]"},
    {"led", "max_decoder_position_embeddings", "\"1024\"", "must be an integer in [1, 16777216]"},
    {"gemma2", "hidden_size", "4096.5", "must be an integer in [1, 1048576]"},
    {"gemma2", "head_dim", "7", "even head_dim, not 7"},
    {"gemma2", "hidden_activation", "\"gelu_quick\"", "known are silu"},
    {"gemma2", "query_pre_attn_scalar", "0", "must be a number in"},
    {"gemma2", "query_pre_attn_scalar", "\"256\"", "must be a number in"},
    {"gemma2", "attn_logit_softcapping", "-50", "must be a number in"},
    {"gemma2", "final_logit_softcapping", "\"30\"", "must be a number in"},
    {"gemma2", "sliding_window", "0", "must be an integer in"},
    {"gemma2", "sliding_window", "null", "some layers have a window"},
    {"gemma2", "layer_types", "[\"full_attention\"]", "num_hidden_layers = 2"},
    {"gemma2", "layer_types", "[\"full_attention\", \"chunked_attention\"]", "known are full_attention"},
    {"gemma2", "attention_bias", "\"false\"", "must be true or false"},
    {"gemma2", "use_bidirectional_attention", "true", "only causal"},
    {"mixtral", "num_local_experts", "0", "must be an integer in [1, 16384]"},
    {"mixtral", "num_local_experts", "\"8\"", "must be an integer in [1, 16384]"},
    {"mixtral", "num_experts", "8.5", "must be an integer in [1, 16384]"},
    {"mixtral", "num_experts_per_tok", "7", "must be at most num_local_experts, which is 6"},
    {"mixtral", "num_experts_per_tok", "-1", "must be an integer in [1, 16384]"},
    {"mixtral", "sliding_window", "0", "must be an integer in [1, "},
    {"mixtral", "rope_theta", "\"1e6\"", "must be a number in"},
    {"mixtral", "hidden_act", "\"mish\"", "known are silu"},
    {"mixtral", "quantization_config", "{\"quant_method\": \"mxfp4\"}", "quantised checkpoints are not read"},
    {"qwen2_moe", "num_experts", "1e30", "must be an integer in [1, 16384]"},
    {"qwen2_moe", "num_experts_per_tok", "9", "must be at most num_experts, which is 6"},
    {"qwen2_moe", "moe_intermediate_size", "0", "must be an integer in [1, 1048576]"},
    {"qwen2_moe", "shared_expert_intermediate_size", "\"5632\"", "must be an integer in [1, 1048576]"},
    {"qwen2_moe", "decoder_sparse_step", "0", "must be an integer in [1, 4096]"},
    {"qwen2_moe", "mlp_only_layers", "[0, -1]", "must be an integer in"},
    {"qwen2_moe", "mlp_only_layers", "\"0\"", "must be an integer"},
    {"qwen2_moe", "norm_topk_prob", "1", "must be true or false"},
    {"qwen2_moe", "qkv_bias", "\"true\"", "must be true or false"},
    {"qwen2_moe", "use_sliding_window", "0", "must be true or false"},
    {"qwen2_moe", "max_window_layers", "-1", "must be an integer in"},
    {"qwen2_moe", "sliding_window", "-1", "must be an integer in [0, "},
    {"qwen2_moe", "layer_types", "[\"full_attention\", \"sliding_attention\"]", "use_sliding_window is false"},
    {"gpt_oss", "num_experts_per_tok", "7", "must be at most num_local_experts, which is 6"},
    {"gpt_oss", "attention_bias", "\"true\"", "must be true or false"},
    {"gpt_oss", "sliding_window", "null", "some layers have a window"},
    {"gpt_oss", "layer_types", "[\"full_attention\"]", "num_hidden_layers = 2"},
    {"gpt_oss", "swiglu_alpha", "\"1.702\"", "must be a number in"},
    {"gpt_oss", "swiglu_limit", "-7", "must be a number in"},
    {"gpt_oss", "rope_scaling", "{\"rope_type\": \"yarn\", \"truncate\": 0}", "must be true or false"},
    {"gpt_oss", "quantization_config", "{\"quant_method\": \"awq\"}", "quantised checkpoints are not read"},
    {"gpt_oss", "quantization_config", "{}", "quantised checkpoints are not read"},
    {"gpt_oss", "quantization_config", "\"mxfp4\"", "must be an object"},
    {"gpt_oss", "quantization_config", "{\"quant_method\": \"mxfp4\", \"modules_to_not_convert\": [1]}",
     "must be an array of strings"},
};

// The family's good config with `key` replaced by the JSON `value`.
json::Value changed(const std::string& family, const std::string& key, const std::string& value) {
  const json::Value good = json::parse(kGood.at(family), "config.json");
  json::Object object;
  for (const json::Member& member : good.as_object()) {
    if (member.key != key) object.push_back({member.key, member.value});
  }
  if (!key.empty()) object.push_back({key, json::parse(value, "config.json")});
  return {std::move(object)};
}

std::string message_of(const json::Value& config) {
  const NoTensors nothing;
  const json::Fields fields(config, "config.json");
  const Architecture& architecture = find_architecture(fields);
  nn::WeightSource weights(nothing, std::string(architecture.base_prefix));
  try {
    static_cast<void>(architecture.make(fields, weights));
  } catch (const Error& error) {
    return error.what();
  }
  return "accepted";
}

TEST(FamilyConfig, GoodOnesAreAccepted) {
  for (const auto& [family, config] : kGood) {
    EXPECT_NE(message_of(changed(family, "", "")).find("no weights: tensor '"), std::string::npos) << family;
  }
}

TEST(FamilyConfig, WrongValuesAreNamed) {
  for (const WrongValue& wrong : kWrong) {
    const std::string message = message_of(changed(wrong.family, wrong.key, wrong.value));
    SCOPED_TRACE(std::string(wrong.family) + ": " + message);
    EXPECT_EQ(message.find("config.json: "), 0U);
    EXPECT_NE(message.find(wrong.key), std::string::npos);
    EXPECT_NE(message.find(wrong.rule), std::string::npos);
  }
}

// Every number that the new families read, as what no number can be: each is taken or named, never the end of the
// program.
TEST(FamilyConfig, NoNumberEndsTheProgram) {
  const std::map<std::string, std::vector<const char*>> keys = {
      {"deepseek_v2",
       {"vocab_size",
        "hidden_size",
        "intermediate_size",
        "moe_intermediate_size",
        "num_hidden_layers",
        "num_attention_heads",
        "num_key_value_heads",
        "max_position_embeddings",
        "rms_norm_eps",
        "rope_theta",
        "head_dim",
        "qk_rope_head_dim",
        "qk_nope_head_dim",
        "v_head_dim",
        "kv_lora_rank",
        "q_lora_rank",
        "first_k_dense_replace",
        "n_routed_experts",
        "n_shared_experts",
        "num_experts_per_tok",
        "n_group",
        "topk_group",
        "routed_scaling_factor"}},
      {"persimmon",
       {"vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
        "max_position_embeddings", "layer_norm_eps", "rope_theta", "partial_rotary_factor"}},
      {"mamba",
       {"vocab_size", "hidden_size", "num_hidden_layers", "state_size", "expand", "conv_kernel", "time_step_rank",
        "layer_norm_epsilon"}},
      {"rwkv",
       {"vocab_size", "hidden_size", "num_hidden_layers", "attention_hidden_size", "intermediate_size",
        "context_length", "rescale_every", "layer_norm_epsilon"}},
  };
  int refused = 0;
  for (const auto& [family, names] : keys) {
    for (const char* const key : names) {
      for (const char* const value : {"0", "-1", "1.5", "\"x\"", "null", "2147483648", "9223372036854775808"}) {
        const std::string message = message_of(changed(family, key, value));
        SCOPED_TRACE(testing::Message() << family << ' ' << key << ' ' << value << ": " << message);
        const bool taken = message.starts_with("no weights: tensor '");
        EXPECT_TRUE(taken || message.starts_with("config.json: "));
        refused += taken ? 0 : 1;
      }
    }
  }
  EXPECT_GT(refused, 200);
}

}  // namespace
}  // namespace skald::models
