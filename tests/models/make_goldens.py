"""Makes tests/data/models: tiny random checkpoints with the logits and greedy tokens of transformers (5.23).

python tests/models/make_goldens.py [folder]
"""

import random
import sys
from pathlib import Path

import torch
from decoder_families import DRAWS as DECODERS
from random_checkpoint import make_case, random_settings
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

BASE = {
    "vocab_size": 160,
    "hidden_size": 48,
    "intermediate_size": 72,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
    "rms_norm_eps": 1e-5,
}
BASES = {
    "bloom": {"vocab_size": 160, "n_layer": 2},
    "gpt2": {"vocab_size": 160, "n_positions": 180, "n_embd": 48, "n_layer": 2, "n_head": 4},
    "t5": {
        "vocab_size": 131,
        "d_model": 40,
        "d_kv": 12,
        "d_ff": 56,
        "num_layers": 2,
        "num_heads": 3,
        "pad_token_id": 0,
        "eos_token_id": 1,
        "decoder_start_token_id": 0,
    },
    "bart": {
        "vocab_size": 131,
        "d_model": 36,
        "encoder_layers": 2,
        "decoder_layers": 2,
        "encoder_attention_heads": 2,
        "decoder_attention_heads": 4,
        "encoder_ffn_dim": 56,
        "decoder_ffn_dim": 64,
        "max_position_embeddings": 128,
        "bos_token_id": 0,
        "pad_token_id": 1,
        "eos_token_id": 2,
        "decoder_start_token_id": 2,
    },
    "mamba2": {"vocab_size": 160, "hidden_size": 48, "num_hidden_layers": 2},
}
BASES["led"] = {key: value for key, value in BASES["bart"].items() if key != "max_position_embeddings"} | {
    "max_encoder_position_embeddings": 160,
    "max_decoder_position_embeddings": 100,
}
BASES |= dict.fromkeys(
    ("mixtral", "qwen2_moe", "gpt_oss"), BASE | {"vocab_size": 120, "hidden_size": 32, "intermediate_size": 40}
)
BASES["deepseek_v3"] = BASE | {
    "vocab_size": 120,
    "hidden_size": 32,
    "intermediate_size": 40,
    "moe_intermediate_size": 16,
    "n_routed_experts": 8,
    "n_group": 4,
    "topk_group": 2,
    "num_experts_per_tok": 3,
    "first_k_dense_replace": 1,
    "q_lora_rank": 20,
    "kv_lora_rank": 24,
    "qk_rope_head_dim": 8,
    "qk_nope_head_dim": 12,
    "v_head_dim": 10,
}
LONG_FACTOR = [1.0, 1.2, 1.7, 2.4, 3.1, 4.0]
SHORT_FACTOR = [1.0, 1.05, 1.1, 1.2, 1.3, 1.5]

CASES = {
    "llama_biases_partly_grouped": (
        {"model_type": "llama", "attention_bias": True, "mlp_bias": True, "rope_theta": 10000.0},
        90,
        torch.float32,
    ),
    "llama_tied_llama3": (
        {
            "model_type": "llama",
            "tie_word_embeddings": True,
            "num_key_value_heads": 1,
            "rope_theta": 500000.0,
            "rope_scaling": {
                "rope_type": "llama3",
                "factor": 8.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 40,
            },
        },
        100,
        torch.float32,
    ),
    "llama_dynamic_bf16": (
        {
            "model_type": "llama",
            "num_key_value_heads": 4,
            "max_position_embeddings": 40,
            "rope_theta": 10000.0,
            "rope_scaling": {"type": "dynamic", "factor": 2.0},
        },
        60,
        torch.bfloat16,
    ),
    "llama_longrope": (
        {
            "model_type": "llama",
            "rope_theta": 10000.0,
            "rope_scaling": {
                "rope_type": "longrope",
                "factor": 4.0,
                "short_factor": SHORT_FACTOR,
                "long_factor": LONG_FACTOR,
                "original_max_position_embeddings": 48,
            },
        },
        70,
        torch.float32,
    ),
    "llama_past_a_cut_linear": (
        {"model_type": "llama", "rope_parameters": {"rope_type": "linear", "factor": 4.0, "rope_theta": 1000.0}},
        270,
        torch.float32,
    ),
    "mistral_window": (
        {"model_type": "mistral", "sliding_window": 33, "head_dim": 20, "rope_theta": 10000.0},
        100,
        torch.float32,
    ),
    "qwen2_windows_yarn": (
        {
            "model_type": "qwen2",
            "use_sliding_window": True,
            "sliding_window": 24,
            "max_window_layers": 1,
            "rope_theta": 10000.0,
            "rope_scaling": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32},
        },
        90,
        torch.float32,
    ),
    "qwen3_f16": (
        {"model_type": "qwen3", "head_dim": 16, "tie_word_embeddings": True, "rope_theta": 10000.0},
        80,
        torch.float16,
    ),
    "gpt2_old_names": (
        {"model_type": "gpt2", "n_inner": None, "scale_attn_by_inverse_layer_idx": True},
        90,
        torch.float32,
    ),
    "gpt2_untied_f16": (
        {
            "model_type": "gpt2",
            "n_head": 3,
            "n_inner": 80,
            "activation_function": "relu",
            "scale_attn_weights": False,
            "reorder_and_upcast_attn": True,
            "tie_word_embeddings": False,
        },
        108,
        torch.float16,
    ),
    "gemma2_by_turns": (
        {
            "model_type": "gemma2",
            "head_dim": 20,
            "query_pre_attn_scalar": 16,
            "sliding_window": 24,
            "attn_logit_softcapping": 4.0,
            "final_logit_softcapping": 3.0,
        },
        90,
        torch.float32,
    ),
    "gemma2_layer_types_bf16": (
        {
            "model_type": "gemma2",
            "num_hidden_layers": 3,
            "head_dim": 12,
            "query_pre_attn_scalar": 9,
            "sliding_window": 17,
            "layer_types": ["full_attention", "sliding_attention", "sliding_attention"],
            "attention_bias": True,
            "attn_logit_softcapping": None,
            "tie_word_embeddings": False,
        },
        100,
        torch.bfloat16,
    ),
    "t5_plain_scaled": (
        {"model_type": "t5", "feed_forward_proj": "relu", "relative_attention_num_buckets": 20, "d_kv": 9},
        270,
        torch.float32,
    ),
    "t5_gated_own_head_bf16": (
        {
            "model_type": "t5",
            "feed_forward_proj": "gated-gelu",
            "tie_word_embeddings": False,
            "num_decoder_layers": 3,
            "relative_attention_max_distance": 40,
        },
        60,
        torch.bfloat16,
    ),
    "bart_tied": (
        {"model_type": "bart", "scale_embedding": True, "activation_function": "relu"},
        90,
        torch.float32,
    ),
    "bart_untied_f16": (
        {
            "model_type": "bart",
            "encoder_attention_heads": 3,
            "decoder_layers": 3,
            "tie_word_embeddings": False,
        },
        50,
        torch.float16,
    ),
    "bloom_untied": (
        {"model_type": "bloom", "hidden_size": 42, "n_head": 7, "tie_word_embeddings": False},
        270,
        torch.float32,
    ),
    "bloom_residual_after_norm_bf16": (
        {
            "model_type": "bloom",
            "hidden_size": 60,
            "n_head": 6,
            "apply_residual_connection_post_layernorm": True,
            "pretraining_tp": 2,
            "slow_but_exact": True,
            "tie_word_embeddings": False,
        },
        80,
        torch.bfloat16,
    ),
    "phi3_window": (
        {"model_type": "phi3", "sliding_window": 21, "pad_token_id": None, "tie_word_embeddings": True},
        70,
        torch.float32,
    ),
    "phi3_longrope_partly_rotated_f16": (
        {
            "model_type": "phi3",
            "hidden_size": 64,
            "partial_rotary_factor": 0.75,
            "original_max_position_embeddings": 48,
            "rope_scaling": {"type": "longrope", "short_factor": SHORT_FACTOR, "long_factor": LONG_FACTOR},
            "pad_token_id": None,
        },
        60,
        torch.float16,
    ),
    "mixtral_together": (
        {"model_type": "mixtral", "num_local_experts": 6, "num_experts_per_tok": 3, "sliding_window": 33},
        90,
        torch.float32,
    ),
    "mixtral_saved_bf16": (
        {
            "model_type": "mixtral",
            "num_local_experts": 3,
            "num_experts_per_tok": 1,
            "hidden_act": "gelu",
            "tie_word_embeddings": True,
        },
        70,
        torch.bfloat16,
    ),
    "qwen2_moe_step_windows": (
        {
            "model_type": "qwen2_moe",
            "num_hidden_layers": 4,
            "num_experts": 5,
            "num_experts_per_tok": 2,
            "moe_intermediate_size": 36,
            "shared_expert_intermediate_size": 37,
            "norm_topk_prob": True,
            "decoder_sparse_step": 2,
            "use_sliding_window": True,
            "sliding_window": 24,
            "max_window_layers": 2,
        },
        90,
        torch.float32,
    ),
    "qwen2_moe_saved_f16": (
        {
            "model_type": "qwen2_moe",
            "num_hidden_layers": 3,
            "num_experts": 7,
            "num_experts_per_tok": 4,
            "moe_intermediate_size": 24,
            "shared_expert_intermediate_size": 64,
            "mlp_only_layers": [1],
            "qkv_bias": False,
            "sliding_window": 20,
        },
        80,
        torch.float16,
    ),
    "gpt_oss_plain_bf16": (
        {
            "model_type": "gpt_oss",
            "num_local_experts": 5,
            "num_experts_per_tok": 2,
            "head_dim": 16,
            "sliding_window": 24,
            "swiglu_limit": 1.5,
            "swiglu_alpha": 1.3,
            "rope_theta": 10000.0,
            "rope_scaling": {
                "rope_type": "yarn",
                "factor": 8.0,
                "beta_fast": 32.0,
                "beta_slow": 1.0,
                "truncate": False,
                "original_max_position_embeddings": 32,
            },
        },
        100,
        torch.bfloat16,
    ),
    "deepseek_v3_yarn_groups": (
        {
            "model_type": "deepseek_v3",
            "num_hidden_layers": 3,
            "num_key_value_heads": 4,
            "rope_theta": 10000.0,
            "rope_scaling": {
                "type": "yarn",
                "factor": 4.0,
                "mscale": 1.2,
                "mscale_all_dim": 0.7,
                "original_max_position_embeddings": 32,
            },
        },
        90,
        torch.float32,
    ),
    "deepseek_v3_past_a_cut_saved_bf16": (
        {
            "model_type": "deepseek_v3",
            "num_key_value_heads": 4,
            "q_lora_rank": None,
            "rope_interleave": False,
            "attention_bias": True,
            "first_k_dense_replace": 0,
            "n_shared_experts": 2,
            "norm_topk_prob": False,
            "routed_scaling_factor": 1.0,
        },
        270,
        torch.bfloat16,
    ),
    "gpt_oss_mxfp4": (
        {
            "model_type": "gpt_oss",
            "num_hidden_layers": 3,
            "hidden_size": 64,
            "intermediate_size": 32,
            "head_dim": 12,
            "num_local_experts": 3,
            "num_experts_per_tok": 2,
            "sliding_window": 17,
            "layer_types": ["full_attention", "sliding_attention", "sliding_attention"],
            "attention_bias": False,
            "quantization_config": {
                "quant_method": "mxfp4",
                "modules_to_not_convert": ["model.layers.*.self_attn", "model.layers.2.mlp.experts", "lm_head"],
            },
        },
        90,
        torch.float32,
    ),
    "mamba2_groups_biases": (
        {
            "model_type": "mamba2",
            "num_heads": 6,
            "head_dim": 16,
            "state_size": 24,
            "n_groups": 2,
            "use_bias": True,
            "layer_norm_epsilon": 1e-3,
        },
        270,
        torch.float32,
        12000,
    ),
    "mamba2_tied_limits_bf16": (
        {
            "model_type": "mamba2",
            "hidden_size": 40,
            "num_heads": 4,
            "head_dim": 20,
            "state_size": 16,
            "n_groups": 1,
            "conv_kernel": 3,
            "use_conv_bias": False,
            "hidden_act": "gelu",
            "time_step_limit": [0.05, 0.6],
            "tie_word_embeddings": True,
        },
        85,
        torch.bfloat16,
        17000,
    ),
    "led_windows": (
        {"model_type": "led", "attention_window": [8, 24], "activation_function": "relu"},
        90,
        torch.float16,
        31000,
    ),
}


def use_old_names(folder):
    """As the first checkpoints on the Hub are: of the bare model, with the masks that it kept as buffers."""
    path = folder / "model.safetensors"
    weights = {name.removeprefix("transformer."): tensor for name, tensor in load_file(path).items()}
    for layer in range(2):
        weights[f"h.{layer}.attn.bias"] = torch.ones(1, 1, 6, 6).tril()
        weights[f"h.{layer}.attn.masked_bias"] = torch.tensor(-1e4)
    save_file(weights, path, metadata={"format": "pt"})


def use_hub_names(folder):
    """Each expert alone, under the Hub's names; then as transformers saves that again, with its config.json."""
    path = folder / "model.safetensors"
    weights = {}
    for name, tensor in load_file(path).items():
        hub = name.replace(".mlp.", ".block_sparse_moe.") if folder.name.startswith("mixtral") else name
        gate, up, down = ("w1", "w3", "w2") if hub != name else ("gate_proj", "up_proj", "down_proj")
        before, together, _ = hub.partition("gate_up_proj")
        if together:
            for e, expert in enumerate(tensor):
                weights[f"{before}{e}.{gate}.weight"], weights[f"{before}{e}.{up}.weight"] = expert.chunk(2)
        elif tensor.dim() == 3:
            before = hub.removesuffix("down_proj")
            weights |= {f"{before}{e}.{down}.weight": expert for e, expert in enumerate(tensor)}
        else:
            weights[hub] = tensor
    save_file({name: tensor.contiguous() for name, tensor in weights.items()}, path, metadata={"format": "pt"})
    AutoModelForCausalLM.from_pretrained(folder, dtype="auto").save_pretrained(folder)
    (folder / "generation_config.json").unlink()


SMALL = {"vocab_size": 61, "intermediate_size": 20, "ffn_dim": 20, "ffn_hidden_size": 20, "n_inner": 20}
SMALL |= {"moe_intermediate_size": 12, "encoder_ffn_dim": 20, "decoder_ffn_dim": 20, "d_model": 24, "num_experts": 4}
SMALL |= {"num_local_experts": 4, "num_experts_per_tok": 2, "max_position_embeddings": 160, "n_positions": 160}
DRAWN = (
    *(f for f in DECODERS if f != "mpt"),
    "blenderbot",
    "deepseek_v2",
    "m2m_100",
    "mamba",
    "marian",
    "mbart",
    "mt5",
    "pegasus",
    "rwkv",
    "umt5",
)


def make_drawn_case(folder, family):
    """One small case of a family whose settings need no choice of ours: as its draws have them, with small sizes."""
    for seed in range(100):
        rng = random.Random(seed)
        settings, _ = random_settings(rng, family)
        settings |= {key: value for key, value in SMALL.items() if key in settings}
        widths = [settings.get(key, 0) for key in ("hidden_size", "n_embd")]
        if max(widths) > (48 if family == "rwkv" else 32) or settings.get("tie_word_embeddings") and family in DECODERS:
            continue
        dtype = rng.choice([torch.float16, torch.bfloat16])
        if make_case(folder, settings, seed, 40, n_greedy=72, n_rows=8, dtype=dtype):
            return
    sys.exit(f"{family}: no lively checkpoint")


def main():
    default = Path(__file__).resolve().parent.parent / "data" / "models"
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else default
    for index, (name, (settings, prompt_length, dtype, *own_seed)) in enumerate(CASES.items()):
        base = BASES.get(settings["model_type"], BASE)
        seed = own_seed[0] if own_seed else 1000 * index
        if not make_case(folder / name, base | settings, seed, prompt_length, dtype=dtype):
            sys.exit(f"{name}: no lively checkpoint; change its settings")
        if name == "gpt2_old_names":
            use_old_names(folder / name)
        if "_saved" in name:
            use_hub_names(folder / name)
        print(name, sum(f.stat().st_size for f in (folder / name).iterdir()) // 1024, "KiB")
    for family in DRAWN:
        make_drawn_case(folder / f"{family}_drawn", family)


if __name__ == "__main__":
    main()
