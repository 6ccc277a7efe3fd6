#include "formats/gguf_architectures.h"

#include <algorithm>
#include <array>
#include <set>

#include "skald/error.h"

namespace skald {
namespace {

using enum GgufChange;

constexpr double kWidth = 1 << 20;
constexpr double kLayers = 4096;
constexpr double kHeads = 1 << 14;
constexpr double kExperts = 1 << 14;
constexpr double kPositions = 1U << 31;
constexpr double kMostTheta = 1e15;

constexpr GgufSetting kContext{"context_length", "max_position_embeddings", 1, kPositions};
constexpr GgufSetting kHidden{"embedding_length", "hidden_size", 1, kWidth, true};
constexpr GgufSetting kBlocks{"block_count", "num_hidden_layers", 1, kLayers, true};
constexpr GgufSetting kInner{"feed_forward_length", "intermediate_size", 1, kWidth, true};
constexpr GgufSetting kHeadCount{"attention.head_count", "num_attention_heads", 1, kHeads, true};
constexpr GgufSetting kKvHeads{"attention.head_count_kv", "num_key_value_heads", 1, kHeads};
constexpr GgufSetting kHeadDim{"attention.key_length", "head_dim", 2, 1 << 16};
constexpr GgufSetting kRmsEpsilon{"attention.layer_norm_rms_epsilon", "rms_norm_eps", 0, 1};
constexpr GgufSetting kTheta{"rope.freq_base", "rope_theta", 1, kMostTheta};
constexpr GgufSetting kWindow{
    .key = "attention.sliding_window", .config = "sliding_window", .low = 1, .high = kPositions, .none_at_zero = true};

// The rows of `base`, then `more`.
template <class Row, std::size_t n, class... More>
constexpr std::array<Row, n + sizeof...(More)> with(const std::array<Row, n>& base, const More&... more) {
  std::array<Row, n + sizeof...(More)> rows = {};
  std::size_t at = 0;
  for (const Row& row : base) rows[at++] = row;
  ((rows[at++] = more), ...);
  return rows;
}

constexpr std::array kLlamaSettings = {kContext, kHidden,  kBlocks,     kInner, kHeadCount,
                                       kKvHeads, kHeadDim, kRmsEpsilon, kTheta};
constexpr auto kPhi3Settings =
    with(kLlamaSettings, kWindow,
         GgufSetting{"rope.scaling.original_context_length", "original_max_position_embeddings", 1, kPositions});
constexpr auto kMixtralSettings =
    with(kLlamaSettings, GgufSetting{"expert_count", "num_local_experts", 1, kExperts, true},
         GgufSetting{"expert_used_count", "num_experts_per_tok", 1, kExperts, true});
constexpr auto kQwen2MoeSettings =
    with(kLlamaSettings, GgufSetting{"expert_count", "num_experts", 1, kExperts, true},
         GgufSetting{"expert_used_count", "num_experts_per_tok", 1, kExperts, true},
         GgufSetting{"expert_feed_forward_length", "moe_intermediate_size", 1, kWidth, true},
         GgufSetting{"expert_shared_feed_forward_length", "shared_expert_intermediate_size", 1, kWidth, true});
constexpr auto kGemma2Settings =
    with(kLlamaSettings, kWindow, GgufSetting{"attention.key_length", "query_pre_attn_scalar", 2, 1 << 16},
         GgufSetting{"attn_logit_softcapping", "attn_logit_softcapping", 1e-3, 1e6},
         GgufSetting{"final_logit_softcapping", "final_logit_softcapping", 1e-3, 1e6});
constexpr std::array kGpt2Settings = {GgufSetting{"context_length", "n_positions", 1, kPositions, true},
                                      GgufSetting{"embedding_length", "n_embd", 1, kWidth, true},
                                      GgufSetting{"block_count", "n_layer", 1, kLayers, true},
                                      GgufSetting{"feed_forward_length", "n_inner", 1, kWidth},
                                      GgufSetting{"attention.head_count", "n_head", 1, kHeads, true},
                                      GgufSetting{"attention.layer_norm_epsilon", "layer_norm_epsilon", 0, 1}};

// Of those whose norms are layer norms.
constexpr GgufSetting layer_epsilon(std::string_view config) { return {"attention.layer_norm_epsilon", config, 0, 1}; }

constexpr std::array kLayerNormSettings = {kContext, kHidden, kBlocks, kInner, kHeadCount, kKvHeads, kHeadDim, kTheta};
constexpr auto kOlmoSettings = with(kLayerNormSettings, GgufSetting{"attention.clamp_kqv", "clip_qkv", 1e-6, 1e6});
constexpr auto kGraniteSettings = with(kLlamaSettings, GgufSetting{"attention.scale", "attention_multiplier", 0, 1e6},
                                       GgufSetting{"embedding_scale", "embedding_multiplier", 0, 1e6},
                                       GgufSetting{"residual_scale", "residual_multiplier", 0, 1e6},
                                       GgufSetting{"logit_scale", "logits_scaling", 1e-6, 1e6});
constexpr auto kCohereSettings =
    with(kLayerNormSettings, layer_epsilon("layer_norm_eps"), GgufSetting{"logit_scale", "logit_scale", 1e-6, 1e6});
constexpr auto kStarcoder2Settings = with(kLayerNormSettings, kWindow, layer_epsilon("norm_epsilon"));
constexpr auto kNemotronSettings = with(kLayerNormSettings, layer_epsilon("norm_eps"));
constexpr auto kStablelmSettings = with(kLayerNormSettings, layer_epsilon("layer_norm_eps"));
constexpr auto kQwen3MoeSettings =
    with(kLlamaSettings, GgufSetting{"expert_count", "num_experts", 1, kExperts, true},
         GgufSetting{"expert_used_count", "num_experts_per_tok", 1, kExperts, true},
         GgufSetting{"expert_feed_forward_length", "moe_intermediate_size", 1, kWidth, true});

constexpr std::array kBloomSettings = {GgufSetting{"context_length", "seq_length", 1, kPositions}, kHidden,
                                       GgufSetting{"block_count", "n_layer", 1, kLayers, true},
                                       GgufSetting{"attention.head_count", "n_head", 1, kHeads, true},
                                       layer_epsilon("layer_norm_epsilon")};
constexpr std::array kFalconSettings = {
    kContext,   kHidden,
    kBlocks,    GgufSetting{"feed_forward_length", "ffn_hidden_size", 1, kWidth, true},
    kHeadCount, GgufSetting{"attention.head_count_kv", "num_kv_heads", 1, kHeads, true},
    kTheta,     layer_epsilon("layer_norm_epsilon")};
constexpr std::array kGptNeoxSettings = {kContext,
                                         kHidden,
                                         kBlocks,
                                         kInner,
                                         kHeadCount,
                                         GgufSetting{"rope.freq_base", "rotary_emb_base", 1, kMostTheta},
                                         layer_epsilon("layer_norm_eps")};
constexpr std::array kMptSettings = {
    GgufSetting{"context_length", "max_seq_len", 1, kPositions},
    GgufSetting{"embedding_length", "d_model", 1, kWidth, true},
    GgufSetting{"block_count", "n_layers", 1, kLayers, true},
    GgufSetting{"attention.head_count", "n_heads", 1, kHeads, true},
    GgufSetting{"attention.clamp_kqv", "attn_config.clip_qkv", 1e-6, 1e6},
    GgufSetting{"attention.max_alibi_bias", "attn_config.alibi_bias_max", 1, 1024, true}};
constexpr auto kCohere2Settings = with(kLayerNormSettings, kWindow, layer_epsilon("layer_norm_eps"),
                                       GgufSetting{"logit_scale", "logit_scale", 1e-6, 1e6});
constexpr auto kGemma3Settings =
    with(kLlamaSettings, kWindow, GgufSetting{"attention.key_length", "query_pre_attn_scalar", 2, 1 << 16},
         GgufSetting{"final_logit_softcapping", "final_logit_softcapping", 1e-3, 1e6});
constexpr auto kGraniteMoeSettings =
    with(kGraniteSettings, GgufSetting{"expert_count", "num_local_experts", 1, kExperts, true},
         GgufSetting{"expert_used_count", "num_experts_per_tok", 1, kExperts, true});
constexpr std::array kDeepseekSettings = {
    kContext,
    kHidden,
    kBlocks,
    kInner,
    kHeadCount,
    kRmsEpsilon,
    kTheta,
    GgufSetting{"attention.q_lora_rank", "q_lora_rank", 1, kWidth},
    GgufSetting{"attention.kv_lora_rank", "kv_lora_rank", 1, kWidth, true},
    GgufSetting{"attention.value_length_mla", "v_head_dim", 1, 1 << 16, true},
    GgufSetting{"leading_dense_block_count", "first_k_dense_replace", 0, kLayers, true},
    GgufSetting{"expert_count", "n_routed_experts", 1, kExperts, true},
    GgufSetting{"expert_used_count", "num_experts_per_tok", 1, kExperts, true},
    GgufSetting{"expert_shared_count", "n_shared_experts", 0, kExperts, true},
    GgufSetting{"expert_feed_forward_length", "moe_intermediate_size", 1, kWidth, true},
    GgufSetting{"expert_weights_scale", "routed_scaling_factor", 0, 1e6},
    GgufSetting{"expert_group_count", "n_group", 1, kExperts},
    GgufSetting{"expert_group_used_count", "topk_group", 1, kExperts}};
constexpr std::array kT5Settings = {
    GgufSetting{"embedding_length", "d_model", 1, kWidth, true},
    GgufSetting{"feed_forward_length", "d_ff", 1, kWidth, true},
    GgufSetting{"block_count", "num_layers", 1, kLayers, true},
    GgufSetting{"decoder_block_count", "num_decoder_layers", 1, kLayers},
    GgufSetting{"attention.head_count", "num_heads", 1, kHeads, true},
    GgufSetting{"attention.key_length", "d_kv", 1, 1 << 16, true},
    GgufSetting{"attention.layer_norm_rms_epsilon", "layer_norm_epsilon", 0, 1},
    GgufSetting{"attention.relative_buckets_count", "relative_attention_num_buckets", 4, 4096},
    GgufSetting{"decoder_start_token_id", "decoder_start_token_id", 0, 1 << 24}};
constexpr std::array kMixerSettings = {kHidden, kBlocks,
                                       GgufSetting{"attention.layer_norm_rms_epsilon", "layer_norm_epsilon", 0, 1},
                                       GgufSetting{"ssm.conv_kernel", "conv_kernel", 1, kWidth, true},
                                       GgufSetting{"ssm.state_size", "state_size", 1, kWidth, true}};
constexpr auto kMambaSettings =
    with(kMixerSettings, GgufSetting{"ssm.time_step_rank", "time_step_rank", 1, kWidth, true});
constexpr auto kMamba2Settings = with(kMixerSettings, GgufSetting{"ssm.group_count", "n_groups", 1, kHeads, true});

constexpr GgufTensorName kEmbedding{"token_embd", "model.embed_tokens"};
constexpr GgufTensorName kFinalNorm{"output_norm", "model.norm"};
constexpr GgufTensorName kHead{"output", "lm_head"};
constexpr GgufTensorName kAttentionNorm{"blk.*.attn_norm", "model.layers.*.input_layernorm"};
constexpr GgufTensorName kQuery{"blk.*.attn_q", "model.layers.*.self_attn.q_proj"};
constexpr GgufTensorName kKey{"blk.*.attn_k", "model.layers.*.self_attn.k_proj"};
constexpr GgufTensorName kPairedQuery{"blk.*.attn_q", "model.layers.*.self_attn.q_proj", query_pairs};
constexpr GgufTensorName kPairedKey{"blk.*.attn_k", "model.layers.*.self_attn.k_proj", key_pairs};
constexpr GgufTensorName kQueryNorm{"blk.*.attn_q_norm", "model.layers.*.self_attn.q_norm"};
constexpr GgufTensorName kKeyNorm{"blk.*.attn_k_norm", "model.layers.*.self_attn.k_norm"};
constexpr GgufTensorName kValue{"blk.*.attn_v", "model.layers.*.self_attn.v_proj"};
constexpr GgufTensorName kOutput{"blk.*.attn_output", "model.layers.*.self_attn.o_proj"};
constexpr GgufTensorName kInnerNorm{"blk.*.ffn_norm", "model.layers.*.post_attention_layernorm"};
constexpr GgufTensorName kGate{"blk.*.ffn_gate", "model.layers.*.mlp.gate_proj"};
constexpr GgufTensorName kUp{"blk.*.ffn_up", "model.layers.*.mlp.up_proj"};
constexpr GgufTensorName kDown{"blk.*.ffn_down", "model.layers.*.mlp.down_proj"};
constexpr GgufTensorName kFinalNormPlusOne{"output_norm", "model.norm", plus_one};
constexpr GgufTensorName kAttentionNormPlusOne{"blk.*.attn_norm", "model.layers.*.input_layernorm", plus_one};
constexpr GgufTensorName kInnerNormPlusOne{"blk.*.ffn_norm", "model.layers.*.post_attention_layernorm", plus_one};
constexpr GgufTensorName kRouter{"blk.*.ffn_gate_inp", "model.layers.*.mlp.gate"};
constexpr GgufTensorName kGateExperts{"blk.*.ffn_gate_exps", "model.layers.*.mlp.experts.#.gate_proj", experts};
constexpr GgufTensorName kDownExperts{"blk.*.ffn_down_exps", "model.layers.*.mlp.experts.#.down_proj", experts};
constexpr GgufTensorName kUpExperts{"blk.*.ffn_up_exps", "model.layers.*.mlp.experts.#.up_proj", experts};

constexpr std::array kPairedAttentionTensors = {kEmbedding, kFinalNorm, kHead,   kAttentionNorm, kPairedQuery,
                                                kPairedKey, kValue,     kOutput, kInnerNorm};
constexpr auto kLlamaTensors = with(kPairedAttentionTensors, kGate, kUp, kDown);
constexpr std::array kAttentionTensors = {kEmbedding, kFinalNorm, kHead,   kAttentionNorm, kQuery,
                                          kKey,       kValue,     kOutput, kInnerNorm};
constexpr auto kQwen2Tensors = with(kAttentionTensors, kGate, kUp, kDown);
constexpr auto kQwen3Tensors = with(kQwen2Tensors, kQueryNorm, kKeyNorm);
constexpr auto kMixtralTensors =
    with(kPairedAttentionTensors, GgufTensorName{"blk.*.ffn_gate_inp", "model.layers.*.block_sparse_moe.gate"},
         GgufTensorName{"blk.*.ffn_gate_exps", "model.layers.*.block_sparse_moe.experts.#.w1", experts},
         GgufTensorName{"blk.*.ffn_down_exps", "model.layers.*.block_sparse_moe.experts.#.w2", experts},
         GgufTensorName{"blk.*.ffn_up_exps", "model.layers.*.block_sparse_moe.experts.#.w3", experts});
constexpr auto kQwen2MoeTensors =
    with(kAttentionTensors, kRouter, kGateExperts, kDownExperts, kUpExperts,
         GgufTensorName{"blk.*.ffn_gate_inp_shexp", "model.layers.*.mlp.shared_expert_gate"},
         GgufTensorName{"blk.*.ffn_gate_shexp", "model.layers.*.mlp.shared_expert.gate_proj"},
         GgufTensorName{"blk.*.ffn_down_shexp", "model.layers.*.mlp.shared_expert.down_proj"},
         GgufTensorName{"blk.*.ffn_up_shexp", "model.layers.*.mlp.shared_expert.up_proj"});
constexpr std::array kGemmaCommonTensors = {
    kEmbedding, kHead, kQuery, kKey, kValue, kOutput, kGate, kUp, kDown, kFinalNormPlusOne, kAttentionNormPlusOne};
constexpr auto kGemma2Tensors =
    with(kGemmaCommonTensors,
         GgufTensorName{"blk.*.post_attention_norm", "model.layers.*.post_attention_layernorm", plus_one},
         GgufTensorName{"blk.*.ffn_norm", "model.layers.*.pre_feedforward_layernorm", plus_one},
         GgufTensorName{"blk.*.post_ffw_norm", "model.layers.*.post_feedforward_layernorm", plus_one});
constexpr std::array kPhi3Tensors = {kEmbedding,
                                     kFinalNorm,
                                     kHead,
                                     kAttentionNorm,
                                     kOutput,
                                     kInnerNorm,
                                     kDown,
                                     GgufTensorName{"blk.*.attn_qkv", "model.layers.*.self_attn.qkv_proj"},
                                     GgufTensorName{"blk.*.ffn_up", "model.layers.*.mlp.gate_up_proj"}};
constexpr std::array kGpt2Tensors = {GgufTensorName{"token_embd", "transformer.wte"},
                                     GgufTensorName{"position_embd", "transformer.wpe"},
                                     GgufTensorName{"output_norm", "transformer.ln_f"},
                                     GgufTensorName{"output", "lm_head"},
                                     GgufTensorName{"blk.*.attn_norm", "transformer.h.*.ln_1"},
                                     GgufTensorName{"blk.*.attn_qkv", "transformer.h.*.attn.c_attn", transposed},
                                     GgufTensorName{"blk.*.attn_output", "transformer.h.*.attn.c_proj", transposed},
                                     GgufTensorName{"blk.*.ffn_norm", "transformer.h.*.ln_2"},
                                     GgufTensorName{"blk.*.ffn_up", "transformer.h.*.mlp.c_fc", transposed},
                                     GgufTensorName{"blk.*.ffn_down", "transformer.h.*.mlp.c_proj", transposed}};

constexpr std::array kOlmo2Tensors = {
    kEmbedding,
    kFinalNorm,
    kHead,
    kQuery,
    kKey,
    kQueryNorm,
    kKeyNorm,
    kValue,
    kOutput,
    kGate,
    kUp,
    kDown,
    GgufTensorName{"blk.*.post_attention_norm", "model.layers.*.post_attention_layernorm"},
    GgufTensorName{"blk.*.post_ffw_norm", "model.layers.*.post_feedforward_layernorm"}};
constexpr auto kGemmaTensors = with(kGemmaCommonTensors, kInnerNormPlusOne);
constexpr std::array kNemotronTensors = {
    kEmbedding,       kHead, kQuery, kKey, kValue, kOutput, kUp, kDown, kFinalNormPlusOne, kAttentionNormPlusOne,
    kInnerNormPlusOne};
constexpr auto kStarcoder2Tensors = with(kAttentionTensors, GgufTensorName{"blk.*.ffn_up", "model.layers.*.mlp.c_fc"},
                                         GgufTensorName{"blk.*.ffn_down", "model.layers.*.mlp.c_proj"});
constexpr std::array kPhiTensors = {kEmbedding,
                                    GgufTensorName{"output_norm", "model.final_layernorm"},
                                    kHead,
                                    kAttentionNorm,
                                    kQuery,
                                    kKey,
                                    kValue,
                                    GgufTensorName{"blk.*.attn_output", "model.layers.*.self_attn.dense"},
                                    GgufTensorName{"blk.*.ffn_up", "model.layers.*.mlp.fc1"},
                                    GgufTensorName{"blk.*.ffn_down", "model.layers.*.mlp.fc2"}};
constexpr std::array kCohereTensors = {kEmbedding, kFinalNorm, kHead,   kAttentionNorm, kQuery, kKey, kQueryNorm,
                                       kKeyNorm,   kValue,     kOutput, kGate,          kUp,    kDown};
constexpr std::array kQwen3MoeTensors = {kEmbedding, kFinalNorm, kHead,        kAttentionNorm, kQuery,
                                         kKey,       kQueryNorm, kKeyNorm,     kValue,         kOutput,
                                         kInnerNorm, kRouter,    kGateExperts, kDownExperts,   kUpExperts};

constexpr std::array kBloomTensors = {
    GgufTensorName{"token_embd", "transformer.word_embeddings"},
    GgufTensorName{"token_embd_norm", "transformer.word_embeddings_layernorm"},
    GgufTensorName{"output_norm", "transformer.ln_f"},
    kHead,
    GgufTensorName{"blk.*.attn_norm", "transformer.h.*.input_layernorm"},
    GgufTensorName{"blk.*.attn_qkv", "transformer.h.*.self_attention.query_key_value", grouped_qkv},
    GgufTensorName{"blk.*.attn_output", "transformer.h.*.self_attention.dense"},
    GgufTensorName{"blk.*.ffn_norm", "transformer.h.*.post_attention_layernorm"},
    GgufTensorName{"blk.*.ffn_up", "transformer.h.*.mlp.dense_h_to_4h"},
    GgufTensorName{"blk.*.ffn_down", "transformer.h.*.mlp.dense_4h_to_h"}};
constexpr std::array kFalconTensors = {
    GgufTensorName{"token_embd", "transformer.word_embeddings"},
    GgufTensorName{"output_norm", "transformer.ln_f"},
    kHead,
    GgufTensorName{"blk.*.attn_norm", "transformer.h.*.input_layernorm"},
    GgufTensorName{"blk.*.attn_qkv", "transformer.h.*.self_attention.query_key_value", grouped_qkv},
    GgufTensorName{"blk.*.attn_output", "transformer.h.*.self_attention.dense"},
    GgufTensorName{"blk.*.ffn_up", "transformer.h.*.mlp.dense_h_to_4h"},
    GgufTensorName{"blk.*.ffn_down", "transformer.h.*.mlp.dense_4h_to_h"}};
constexpr std::array kFalconTwoNormsTensors = {
    GgufTensorName{"token_embd", "transformer.word_embeddings"},
    GgufTensorName{"output_norm", "transformer.ln_f"},
    kHead,
    GgufTensorName{"blk.*.attn_norm", "transformer.h.*.ln_mlp"},
    GgufTensorName{"blk.*.attn_norm_2", "transformer.h.*.ln_attn"},
    GgufTensorName{"blk.*.attn_qkv", "transformer.h.*.self_attention.query_key_value", grouped_qkv},
    GgufTensorName{"blk.*.attn_output", "transformer.h.*.self_attention.dense"},
    GgufTensorName{"blk.*.ffn_up", "transformer.h.*.mlp.dense_h_to_4h"},
    GgufTensorName{"blk.*.ffn_down", "transformer.h.*.mlp.dense_4h_to_h"}};
constexpr std::array kGptNeoxTensors = {
    GgufTensorName{"token_embd", "gpt_neox.embed_in"},
    GgufTensorName{"output_norm", "gpt_neox.final_layer_norm"},
    GgufTensorName{"output", "embed_out"},
    GgufTensorName{"blk.*.attn_norm", "gpt_neox.layers.*.input_layernorm"},
    GgufTensorName{"blk.*.attn_qkv", "gpt_neox.layers.*.attention.query_key_value", grouped_qkv},
    GgufTensorName{"blk.*.attn_output", "gpt_neox.layers.*.attention.dense"},
    GgufTensorName{"blk.*.ffn_norm", "gpt_neox.layers.*.post_attention_layernorm"},
    GgufTensorName{"blk.*.ffn_up", "gpt_neox.layers.*.mlp.dense_h_to_4h"},
    GgufTensorName{"blk.*.ffn_down", "gpt_neox.layers.*.mlp.dense_4h_to_h"}};
constexpr std::array kGptBigcodeTensors = {GgufTensorName{"token_embd", "transformer.wte"},
                                           GgufTensorName{"position_embd", "transformer.wpe"},
                                           GgufTensorName{"output_norm", "transformer.ln_f"},
                                           kHead,
                                           GgufTensorName{"blk.*.attn_norm", "transformer.h.*.ln_1"},
                                           GgufTensorName{"blk.*.attn_qkv", "transformer.h.*.attn.c_attn"},
                                           GgufTensorName{"blk.*.attn_output", "transformer.h.*.attn.c_proj"},
                                           GgufTensorName{"blk.*.ffn_norm", "transformer.h.*.ln_2"},
                                           GgufTensorName{"blk.*.ffn_up", "transformer.h.*.mlp.c_fc"},
                                           GgufTensorName{"blk.*.ffn_down", "transformer.h.*.mlp.c_proj"}};
constexpr std::array kMptTensors = {GgufTensorName{"token_embd", "transformer.wte"},
                                    GgufTensorName{"output_norm", "transformer.norm_f"},
                                    kHead,
                                    GgufTensorName{"blk.*.attn_norm", "transformer.blocks.*.norm_1"},
                                    GgufTensorName{"blk.*.attn_qkv", "transformer.blocks.*.attn.Wqkv"},
                                    GgufTensorName{"blk.*.attn_output", "transformer.blocks.*.attn.out_proj"},
                                    GgufTensorName{"blk.*.ffn_norm", "transformer.blocks.*.norm_2"},
                                    GgufTensorName{"blk.*.ffn_up", "transformer.blocks.*.ffn.up_proj"},
                                    GgufTensorName{"blk.*.ffn_down", "transformer.blocks.*.ffn.down_proj"}};
constexpr auto kGemma3Tensors =
    with(kGemmaCommonTensors, GgufTensorName{"blk.*.attn_q_norm", "model.layers.*.self_attn.q_norm", plus_one},
         GgufTensorName{"blk.*.attn_k_norm", "model.layers.*.self_attn.k_norm", plus_one},
         GgufTensorName{"blk.*.post_attention_norm", "model.layers.*.post_attention_layernorm", plus_one},
         GgufTensorName{"blk.*.ffn_norm", "model.layers.*.pre_feedforward_layernorm", plus_one},
         GgufTensorName{"blk.*.post_ffw_norm", "model.layers.*.post_feedforward_layernorm", plus_one});
constexpr auto kGlm4Tensors =
    with(kAttentionTensors, kDown, GgufTensorName{"blk.*.ffn_up", "model.layers.*.mlp.gate_up_proj"},
         GgufTensorName{"blk.*.post_attention_norm", "model.layers.*.post_self_attn_layernorm"},
         GgufTensorName{"blk.*.post_ffw_norm", "model.layers.*.post_mlp_layernorm"});
constexpr auto kGraniteMoeTensors =
    with(kPairedAttentionTensors, GgufTensorName{"blk.*.ffn_gate_inp", "model.layers.*.block_sparse_moe.router"},
         GgufTensorName{"blk.*.ffn_gate_exps", "model.layers.*.block_sparse_moe.experts.#.gate_proj", experts},
         GgufTensorName{"blk.*.ffn_down_exps", "model.layers.*.block_sparse_moe.experts.#.down_proj", experts},
         GgufTensorName{"blk.*.ffn_up_exps", "model.layers.*.block_sparse_moe.experts.#.up_proj", experts});
constexpr auto kDeepseekTensors =
    with(std::array{kEmbedding, kFinalNorm, kHead, kAttentionNorm, kQuery, kOutput, kInnerNorm, kGate, kUp, kDown,
                    kRouter, kGateExperts, kDownExperts, kUpExperts},
         GgufTensorName{"blk.*.attn_q_a", "model.layers.*.self_attn.q_a_proj"},
         GgufTensorName{"blk.*.attn_q_a_norm", "model.layers.*.self_attn.q_a_layernorm"},
         GgufTensorName{"blk.*.attn_q_b", "model.layers.*.self_attn.q_b_proj"},
         GgufTensorName{"blk.*.attn_kv_a_mqa", "model.layers.*.self_attn.kv_a_proj_with_mqa"},
         GgufTensorName{"blk.*.attn_kv_a_norm", "model.layers.*.self_attn.kv_a_layernorm"},
         GgufTensorName{"blk.*.attn_k_b", "model.layers.*.self_attn.k_b_proj"},
         GgufTensorName{"blk.*.attn_v_b", "model.layers.*.self_attn.v_b_proj"},
         GgufTensorName{"blk.*.exp_probs_b.bias", "model.layers.*.mlp.gate.e_score_correction_bias"},
         GgufTensorName{"blk.*.ffn_gate_shexp", "model.layers.*.mlp.shared_experts.gate_proj"},
         GgufTensorName{"blk.*.ffn_down_shexp", "model.layers.*.mlp.shared_experts.down_proj"},
         GgufTensorName{"blk.*.ffn_up_shexp", "model.layers.*.mlp.shared_experts.up_proj"});
constexpr std::array kT5CommonTensors = {
    GgufTensorName{"token_embd", "shared"},
    GgufTensorName{"output", "lm_head"},
    GgufTensorName{"enc.output_norm", "encoder.final_layer_norm"},
    GgufTensorName{"enc.blk.*.attn_norm", "encoder.block.*.layer.0.layer_norm"},
    GgufTensorName{"enc.blk.*.attn_q", "encoder.block.*.layer.0.SelfAttention.q"},
    GgufTensorName{"enc.blk.*.attn_k", "encoder.block.*.layer.0.SelfAttention.k"},
    GgufTensorName{"enc.blk.*.attn_v", "encoder.block.*.layer.0.SelfAttention.v"},
    GgufTensorName{"enc.blk.*.attn_o", "encoder.block.*.layer.0.SelfAttention.o"},
    GgufTensorName{"enc.blk.*.attn_rel_b", "encoder.block.*.layer.0.SelfAttention.relative_attention_bias"},
    GgufTensorName{"enc.blk.*.ffn_norm", "encoder.block.*.layer.1.layer_norm"},
    GgufTensorName{"enc.blk.*.ffn_down", "encoder.block.*.layer.1.DenseReluDense.wo"},
    GgufTensorName{"dec.output_norm", "decoder.final_layer_norm"},
    GgufTensorName{"dec.blk.*.attn_norm", "decoder.block.*.layer.0.layer_norm"},
    GgufTensorName{"dec.blk.*.attn_q", "decoder.block.*.layer.0.SelfAttention.q"},
    GgufTensorName{"dec.blk.*.attn_k", "decoder.block.*.layer.0.SelfAttention.k"},
    GgufTensorName{"dec.blk.*.attn_v", "decoder.block.*.layer.0.SelfAttention.v"},
    GgufTensorName{"dec.blk.*.attn_o", "decoder.block.*.layer.0.SelfAttention.o"},
    GgufTensorName{"dec.blk.*.attn_rel_b", "decoder.block.*.layer.0.SelfAttention.relative_attention_bias"},
    GgufTensorName{"dec.blk.*.cross_attn_norm", "decoder.block.*.layer.1.layer_norm"},
    GgufTensorName{"dec.blk.*.cross_attn_q", "decoder.block.*.layer.1.EncDecAttention.q"},
    GgufTensorName{"dec.blk.*.cross_attn_k", "decoder.block.*.layer.1.EncDecAttention.k"},
    GgufTensorName{"dec.blk.*.cross_attn_v", "decoder.block.*.layer.1.EncDecAttention.v"},
    GgufTensorName{"dec.blk.*.cross_attn_o", "decoder.block.*.layer.1.EncDecAttention.o"},
    GgufTensorName{"dec.blk.*.ffn_norm", "decoder.block.*.layer.2.layer_norm"},
    GgufTensorName{"dec.blk.*.ffn_down", "decoder.block.*.layer.2.DenseReluDense.wo"}};
constexpr auto kT5PlainTensors =
    with(kT5CommonTensors, GgufTensorName{"enc.blk.*.ffn_up", "encoder.block.*.layer.1.DenseReluDense.wi"},
         GgufTensorName{"dec.blk.*.ffn_up", "decoder.block.*.layer.2.DenseReluDense.wi"});
constexpr auto kT5GatedTensors =
    with(kT5CommonTensors, GgufTensorName{"enc.blk.*.ffn_gate", "encoder.block.*.layer.1.DenseReluDense.wi_0"},
         GgufTensorName{"enc.blk.*.ffn_up", "encoder.block.*.layer.1.DenseReluDense.wi_1"},
         GgufTensorName{"dec.blk.*.ffn_gate", "decoder.block.*.layer.2.DenseReluDense.wi_0"},
         GgufTensorName{"dec.blk.*.ffn_up", "decoder.block.*.layer.2.DenseReluDense.wi_1"});
constexpr std::array kMixerTensors = {GgufTensorName{"token_embd", "backbone.embeddings"},
                                      GgufTensorName{"output_norm", "backbone.norm_f"},
                                      kHead,
                                      GgufTensorName{"blk.*.attn_norm", "backbone.layers.*.norm"},
                                      GgufTensorName{"blk.*.ssm_in", "backbone.layers.*.mixer.in_proj"},
                                      GgufTensorName{"blk.*.ssm_out", "backbone.layers.*.mixer.out_proj"},
                                      GgufTensorName{"blk.*.ssm_conv1d", "backbone.layers.*.mixer.conv1d", taps}};
constexpr auto kMambaTensors =
    with(kMixerTensors, GgufTensorName{"blk.*.ssm_a", "backbone.layers.*.mixer.A_log", negative_exp},
         GgufTensorName{"blk.*.ssm_d", "backbone.layers.*.mixer.D"},
         GgufTensorName{"blk.*.ssm_x", "backbone.layers.*.mixer.x_proj"},
         GgufTensorName{"blk.*.ssm_dt", "backbone.layers.*.mixer.dt_proj"});
constexpr auto kMamba2Tensors =
    with(kMixerTensors, GgufTensorName{"blk.*.ssm_a", "backbone.layers.*.mixer.A_log", negative_exp, true},
         GgufTensorName{"blk.*.ssm_d", "backbone.layers.*.mixer.D", none, true},
         GgufTensorName{"blk.*.ssm_dt.bias", "backbone.layers.*.mixer.dt_bias"},
         GgufTensorName{"blk.*.ssm_norm", "backbone.layers.*.mixer.norm", none, true});

constexpr GgufArchitecture kArchitectures[] = {
    {.name = "llama", .model_type = "llama", .settings = kLlamaSettings, .tensors = kLlamaTensors},
    {.name = "llama",
     .experts = true,
     .model_type = "mixtral",
     .settings = kMixtralSettings,
     .tensors = kMixtralTensors},
    {.name = "qwen2", .model_type = "qwen2", .settings = kLlamaSettings, .tensors = kQwen2Tensors},
    {.name = "qwen3", .model_type = "qwen3", .settings = kLlamaSettings, .tensors = kQwen3Tensors},
    {.name = "qwen2moe",
     .experts = true,
     .model_type = "qwen2_moe",
     .settings = kQwen2MoeSettings,
     .tensors = kQwen2MoeTensors,
     .fixed = R"({"norm_topk_prob": false, "decoder_sparse_step": 1})"},
    {.name = "gemma2",
     .model_type = "gemma2",
     .settings = kGemma2Settings,
     .tensors = kGemma2Tensors,
     .odd_blocks = 46,  // the 27 B model alone: its scores are scaled by hidden_size / heads
     .odd_fixed = R"({"query_pre_attn_scalar": 144})"},
    {.name = "phi3",
     .model_type = "phi3",
     .settings = kPhi3Settings,
     .tensors = kPhi3Tensors,
     .partial_rotary = "partial_rotary_factor"},
    {.name = "gpt2", .model_type = "gpt2", .settings = kGpt2Settings, .tensors = kGpt2Tensors},
    {.name = "command-r", .model_type = "cohere", .settings = kCohereSettings, .tensors = kCohereTensors},
    {.name = "gemma", .model_type = "gemma", .settings = kLlamaSettings, .tensors = kGemmaTensors},
    {.name = "granite", .model_type = "granite", .settings = kGraniteSettings, .tensors = kLlamaTensors},
    {.name = "nemotron",
     .model_type = "nemotron",
     .settings = kNemotronSettings,
     .tensors = kNemotronTensors,
     .partial_rotary = "partial_rotary_factor"},
    {.name = "olmo", .model_type = "olmo", .settings = kOlmoSettings, .tensors = kLlamaTensors},
    {.name = "olmo2", .model_type = "olmo2", .settings = kLlamaSettings, .tensors = kOlmo2Tensors},
    {.name = "phi2",
     .model_type = "phi",
     .settings = kStablelmSettings,
     .tensors = kPhiTensors,
     .partial_rotary = "partial_rotary_factor"},
    {.name = "qwen3moe",
     .experts = true,
     .model_type = "qwen3_moe",
     .settings = kQwen3MoeSettings,
     .tensors = kQwen3MoeTensors,
     .fixed = R"({"norm_topk_prob": true, "decoder_sparse_step": 1})"},
    {.name = "smollm3", .model_type = "smollm3", .settings = kLlamaSettings, .tensors = kLlamaTensors},
    {.name = "stablelm",
     .model_type = "stablelm",
     .settings = kStablelmSettings,
     .tensors = kQwen2Tensors,
     .partial_rotary = "partial_rotary_factor"},
    {.name = "bloom", .model_type = "bloom", .settings = kBloomSettings, .tensors = kBloomTensors},
    {.name = "cohere2", .model_type = "cohere2", .settings = kCohere2Settings, .tensors = kQwen2Tensors},
    // InternLM2 and EXAONE 3 are Llama under other names.
    {.name = "internlm2", .model_type = "llama", .settings = kLlamaSettings, .tensors = kLlamaTensors},
    {.name = "baichuan",
     .model_type = "baichuan",
     .settings = kLlamaSettings,
     .tensors = kLlamaTensors,
     .odd_blocks = 40,
     .odd_refused = "the 13 B model is not read: it has ALiBi in the place of rotary positions"},
    {.name = "exaone", .model_type = "llama", .settings = kLlamaSettings, .tensors = kQwen2Tensors},
    {.name = "falcon",
     .tensor = "blk.0.attn_norm_2.weight",
     .model_type = "falcon",
     .settings = kFalconSettings,
     .tensors = kFalconTwoNormsTensors,
     .fixed = R"({"new_decoder_architecture": true})"},
    // With one head of keys the older layout is the newer one too.
    {.name = "falcon",
     .model_type = "falcon",
     .settings = kFalconSettings,
     .tensors = kFalconTensors,
     .fixed = R"({"new_decoder_architecture": true, "num_ln_in_parallel_attn": 1})"},
    {.name = "gemma3",
     .model_type = "gemma3_text",
     .settings = kGemma3Settings,
     .tensors = kGemma3Tensors,
     .odd_blocks = 62,  // the 27 B model alone: its scores are scaled by hidden_size / heads
     .odd_fixed = R"({"query_pre_attn_scalar": 168})"},
    {.name = "glm4",
     .model_type = "glm4",
     .settings = kLlamaSettings,
     .tensors = kGlm4Tensors,
     .partial_rotary = "partial_rotary_factor"},
    {.name = "gptneox",
     .model_type = "gpt_neox",
     .settings = kGptNeoxSettings,
     .tensors = kGptNeoxTensors,
     .partial_rotary = "rotary_pct"},
    {.name = "granitemoe",
     .experts = true,
     .model_type = "granitemoe",
     .settings = kGraniteMoeSettings,
     .tensors = kGraniteMoeTensors},
    {.name = "mpt", .model_type = "mpt", .settings = kMptSettings, .tensors = kMptTensors},
    {.name = "starcoder", .model_type = "gpt_bigcode", .settings = kGpt2Settings, .tensors = kGptBigcodeTensors},
    {.name = "starcoder2", .model_type = "starcoder2", .settings = kStarcoder2Settings, .tensors = kStarcoder2Tensors},
    {.name = "deepseek2",
     .experts = true,
     .number = {"expert_gating_func", 2},  // the sigmoid
     .model_type = "deepseek_v3",
     .settings = kDeepseekSettings,
     .tensors = kDeepseekTensors,
     .mixer = GgufMixer::latent_attention,
     .fixed = R"({"q_lora_rank": null})"},
    {.name = "deepseek2",
     .experts = true,
     .model_type = "deepseek_v2",
     .settings = kDeepseekSettings,
     .tensors = kDeepseekTensors,
     .mixer = GgufMixer::latent_attention,
     .fixed = R"({"q_lora_rank": null})"},
    {.name = "t5",
     .tensor = "enc.blk.1.attn_rel_b.weight",
     .model_type = "umt5",
     .settings = kT5Settings,
     .tensors = kT5GatedTensors},
    {.name = "t5",  // and mT5, which differs in nothing that a file has
     .tensor = "enc.blk.0.ffn_gate.weight",
     .model_type = "t5",
     .settings = kT5Settings,
     .tensors = kT5GatedTensors,
     .fixed = R"({"feed_forward_proj": "gated-gelu"})"},
    {.name = "t5", .model_type = "t5", .settings = kT5Settings, .tensors = kT5PlainTensors},
    {.name = "mamba",
     .model_type = "mamba",
     .settings = kMambaSettings,
     .tensors = kMambaTensors,
     .mixer = GgufMixer::recurrence},
    {.name = "mamba2",
     .model_type = "mamba2",
     .settings = kMamba2Settings,
     .tensors = kMamba2Tensors,
     .mixer = GgufMixer::recurrence},
};

std::string known_names() {
  const std::set<std::string_view> names = [] {
    std::set<std::string_view> all;
    for (const GgufArchitecture& a : kArchitectures) all.insert(a.name);
    return all;
  }();
  std::string list;
  for (const std::string_view name : names) list += (list.empty() ? "" : ", ") + std::string(name);
  return list;
}

}  // namespace

const GgufArchitecture& find_gguf_architecture(const GgufFile& file) {
  constexpr std::string_view kKey = "general.architecture";
  const auto name = file.get_text(kKey);
  if (!name) {
    throw FormatError(
        {.file = file.path(), .field = std::string(kKey), .rule = "is missing: known are " + known_names()});
  }
  const bool experts = file.get_integer(std::string(*name) + ".expert_count").value_or(0) > 0;
  const auto* const found = std::ranges::find_if(kArchitectures, [&](const GgufArchitecture& a) {
    const auto is = [&](const GgufNumber& n) {
      return n.key.empty() || file.get_integer(std::string(*name) + "." + std::string(n.key)) == n.value;
    };
    return a.name == *name && a.experts == experts && (a.tensor.empty() || file.find(a.tensor) != nullptr) &&
           is(a.number);
  });
  if (found != std::end(kArchitectures)) return *found;
  throw UnsupportedError({.file = file.path(),
                          .field = std::string(kKey),
                          .value = quoted(*name) + (experts ? " with experts" : ""),
                          .rule = "known are " + known_names()});
}

}  // namespace skald
