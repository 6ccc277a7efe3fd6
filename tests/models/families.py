"""What settings are drawn for a family: a config as a dict, and the length of the prompt (of an encoder-decoder: of
what the encoder reads). One row of DRAWS each."""

from decoder_families import DRAWS as DECODER_DRAWS

ROPE_KINDS = ["default", "linear", "dynamic", "yarn", "longrope", "llama3"]


def rope_parameters(rng, kind, head_dim, original):
    """The settings of one rope type; sequences of the case are longer than `original`."""
    if kind == "default":
        return {}
    rope = {"rope_type": kind, "factor": rng.choice([2.0, 3.5, 8.0])}
    if kind in ("yarn", "longrope", "llama3"):
        rope["original_max_position_embeddings"] = original
    if kind == "yarn":
        rope |= rng.choice([{}, {"attention_factor": 0.8}, {"mscale": 1.2, "mscale_all_dim": 0.7}])
        rope |= rng.choice([{}, {"truncate": False}, {"beta_fast": 16.0, "beta_slow": 2.0}])
    if kind == "longrope":
        rope["short_factor"] = [round(1 + rng.random(), 3) for _ in range(head_dim // 2)]
        rope["long_factor"] = [round(1 + 4 * rng.random(), 3) for _ in range(head_dim // 2)]
        rope |= rng.choice([{}, {"attention_factor": 1.3}])
    if kind == "llama3":
        rope |= {"low_freq_factor": 1.0, "high_freq_factor": rng.choice([2.0, 4.0])}
    return rope


def llama_form(rng, model_type, rope_kind=None):
    rope_kind = rope_kind or rng.choice(ROPE_KINDS)
    heads, kv_heads = rng.choice([(4, 4), (4, 2), (4, 1), (6, 2), (3, 3), (8, 2), (2, 1), (1, 1), (6, 3)])
    hidden = rng.choice([d for d in (32, 36, 40, 48, 54, 60, 64) if d % heads == 0 and d // heads % 2 == 0])
    own_head_dim = model_type != "llama" or rng.random() < 0.5
    head_dim = rng.choice([8, 12, 16, 20]) if own_head_dim else hidden // heads
    original = rng.choice([24, 40, 64])
    config = {
        "model_type": model_type,
        "vocab_size": rng.choice([131, 160, 193, 250]),
        "hidden_size": hidden,
        "intermediate_size": rng.choice([57, 64, 96, 101]),
        "num_hidden_layers": rng.choice([2, 3]),
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "max_position_embeddings": original if rope_kind == "dynamic" else original * 4,
        "rms_norm_eps": rng.choice([1e-6, 1e-5, 1e-3]),
        "hidden_act": rng.choice(["silu", "silu", "silu", "gelu", "gelu_pytorch_tanh", "relu"]),
        "tie_word_embeddings": rng.random() < 0.4,
        "rope_theta": rng.choice([100.0, 10000.0, 500000.0]),
    }
    if own_head_dim:
        config["head_dim"] = head_dim
    if rope := rope_parameters(rng, rope_kind, head_dim, original):
        config["rope_scaling"] = rope
    if model_type == "llama":
        config |= {"attention_bias": rng.random() < 0.5, "mlp_bias": rng.random() < 0.5}
    if model_type == "qwen3":
        config["attention_bias"] = rng.random() < 0.5
    window = rng.choice([5, 17, 33, 64])
    if model_type == "mistral":
        config["sliding_window"] = rng.choice([None, window])
    if model_type.startswith("qwen"):
        config |= {"use_sliding_window": rng.random() < 0.7, "sliding_window": window, "max_window_layers": 1}
    long = rng.random() < 0.3  # past the first cut of 256 keys
    return config, rng.randint(240, 300) if long else rng.randint(original + 3, 100)


def gpt2(rng):
    heads = rng.choice([1, 2, 3, 4, 6])
    positions = rng.choice([180, 400])
    config = {
        "vocab_size": rng.choice([131, 160]),
        "n_positions": positions,
        "n_embd": heads * rng.choice([7, 8, 12]),
        "n_layer": rng.choice([2, 3]),
        "n_head": heads,
        "layer_norm_epsilon": rng.choice([1e-5, 1e-3]),
        "activation_function": rng.choice(["gelu_new", "gelu", "relu", "gelu_fast", "silu"]),
        "scale_attn_weights": rng.random() < 0.7,
        "scale_attn_by_inverse_layer_idx": rng.random() < 0.5,
        "reorder_and_upcast_attn": rng.random() < 0.5,
        "tie_word_embeddings": rng.random() < 0.6,
    }
    config |= rng.choice([{}, {"n_inner": None}, {"n_inner": 50}])
    return config, positions - 72 - rng.randint(0, 40)  # up to the last position


def bloom(rng):
    heads = rng.choice([4, 5, 6, 7, 12])
    config = {
        "vocab_size": rng.choice([131, 160]),
        "hidden_size": heads * rng.choice([6, 8, 12]),
        "n_layer": 2,
        "n_head": heads,
        "layer_norm_epsilon": rng.choice([1e-5, 1e-3]),
        "apply_residual_connection_post_layernorm": rng.random() < 0.4,
        "tie_word_embeddings": False,  # tied ones only repeat their input
    }
    config |= rng.choice([{}, {}, {"pretraining_tp": 2}, {"pretraining_tp": 2, "slow_but_exact": True}])
    return config, rng.choice([60, 100, 270])


def gemma2(rng):
    heads, kv_heads = rng.choice([(4, 2), (2, 1), (4, 4), (3, 1)])
    layers = rng.choice([2, 3, 4])
    config = {
        "vocab_size": rng.choice([131, 160]),
        "hidden_size": heads * rng.choice([8, 12, 14]),
        "intermediate_size": rng.choice([57, 64]),
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "head_dim": rng.choice([8, 12, 20]),
        "rms_norm_eps": rng.choice([1e-6, 1e-3]),
        "query_pre_attn_scalar": rng.choice([4, 16, 144]),
        "sliding_window": rng.choice([5, 17, 33]),
        "attention_bias": rng.random() < 0.4,
        "hidden_activation": rng.choice(["gelu_pytorch_tanh", "gelu", "silu"]),
        "tie_word_embeddings": rng.random() < 0.8,
        "rope_theta": rng.choice([100.0, 10000.0]),
    }
    config |= rng.choice([{}, {"attn_logit_softcapping": None}, {"attn_logit_softcapping": 3.0}])
    config |= rng.choice([{}, {"final_logit_softcapping": None}, {"final_logit_softcapping": 2.0}])
    if rng.random() < 0.4:
        config["layer_types"] = rng.choices(["full_attention", "sliding_attention"], k=layers)
    return config, rng.choice([60, 100, 270])


def phi3(rng):
    heads, kv_heads = rng.choice([(4, 2), (2, 1), (4, 4), (3, 1), (6, 2)])
    partial, head_dim = rng.choice([(1.0, 8), (1.0, 12), (1.0, 20), (0.5, 16), (0.75, 8), (0.75, 16)])
    length = rng.choice([60, 100, 270])
    config = {
        "vocab_size": rng.choice([131, 160]),
        "hidden_size": heads * head_dim,
        "intermediate_size": rng.choice([57, 64]),
        "num_hidden_layers": rng.choice([2, 3]),
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "rms_norm_eps": rng.choice([1e-6, 1e-3]),
        "pad_token_id": None,
        "tie_word_embeddings": rng.random() < 0.4,
        "rope_theta": rng.choice([100.0, 10000.0]),
        "sliding_window": rng.choice([None, None, 7, 33]),
        "max_position_embeddings": 400,
    }
    if partial != 1:
        config["partial_rotary_factor"] = partial
    if rng.random() < 0.7:
        factors = int(head_dim * partial) // 2
        config["original_max_position_embeddings"] = rng.choice([40, length + 30])
        config["rope_scaling"] = {
            "type": rng.choice(["longrope", "su", "yarn"]),
            "short_factor": [round(1 + rng.random(), 3) for _ in range(factors)],
            "long_factor": [round(1 + 4 * rng.random(), 3) for _ in range(factors)],
            "original_max_position_embeddings": 37,  # the one outside goes first
        }
    return config, length


def decoder_with_experts(rng):
    """What mixtral, qwen2_moe and gpt_oss share. torch multiplies by all experts at once where rows are whole vectors:
    sizes are multiples of 4."""
    heads, kv_heads = rng.choice([(4, 2), (2, 1), (4, 4), (3, 1)])
    return {
        "vocab_size": rng.choice([131, 160]),
        "hidden_size": heads * rng.choice([8, 12, 20]),
        "intermediate_size": rng.choice([36, 52, 72]),
        "num_hidden_layers": rng.choice([2, 3]),
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "num_experts_per_tok": rng.choice([1, 2, 3, 4]),
        "rms_norm_eps": rng.choice([1e-6, 1e-3]),
        "tie_word_embeddings": rng.random() < 0.4,
        "max_position_embeddings": 400,
    }


def mixtral(rng):
    config = decoder_with_experts(rng) | {
        "num_local_experts": rng.choice([4, 5, 8, 17]),
        "sliding_window": rng.choice([None, 7, 33]),
        "hidden_act": rng.choice(["silu", "silu", "gelu"]),
    }
    config |= rng.choice([{}, {"head_dim": 12}, {"rope_theta": 10000.0}])
    return config, rng.choice([60, 100, 270])


def qwen2_moe(rng):
    config = decoder_with_experts(rng) | {
        "num_experts": rng.choice([4, 5, 8, 17]),
        "moe_intermediate_size": rng.choice([20, 36, 64]),
        "shared_expert_intermediate_size": rng.choice([29, 40, 100]),
        "norm_topk_prob": rng.random() < 0.5,
        "qkv_bias": rng.random() < 0.7,
    }
    config |= rng.choice([{}, {}, {"decoder_sparse_step": 2}, {"mlp_only_layers": [0]}])
    if rng.random() < 0.5:
        config |= {"use_sliding_window": True, "sliding_window": rng.choice([7, 33])}
        config |= rng.choice([{}, {"max_window_layers": 2}])
    return config, rng.choice([60, 100, 270])


def gpt_oss(rng):
    config = decoder_with_experts(rng) | {
        "num_local_experts": rng.choice([4, 5, 8, 17]),
        "head_dim": rng.choice([8, 12, 20]),
        "sliding_window": rng.choice([7, 17, 33]),
    }
    config |= rng.choice([{}, {}, {"attention_bias": False}])
    config |= rng.choice([{}, {"swiglu_limit": 1.0}, {"swiglu_limit": 2.5, "swiglu_alpha": 0.7}])
    yarn = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32, "truncate": False}
    config |= rng.choice([{}, {"rope_theta": 500.0, "rope_scaling": yarn}, {"rope_parameters": yarn}])
    if rng.random() < 0.3:
        layers = config["num_hidden_layers"]
        config["layer_types"] = rng.choices(["full_attention", "sliding_attention"], k=layers)
    if rng.random() < 0.5:  # which MXFP4 blocks hold by 32
        config |= {"hidden_size": 64, "intermediate_size": 32, "quantization_config": {"quant_method": "mxfp4"}}
    return config, rng.choice([60, 100, 270])


def deepseek_v3(rng):
    heads = rng.choice([1, 3, 4, 8])
    groups, per_group = rng.choice([1, 2, 4]), rng.choice([2, 3, 4])
    top_groups = rng.randint(1, groups)
    original = rng.choice([24, 40, 64])
    config = {
        "vocab_size": rng.choice([131, 160, 193]),
        "hidden_size": rng.choice([40, 48, 60]),
        "intermediate_size": rng.choice([57, 64]),
        "moe_intermediate_size": rng.choice([20, 24, 32]),
        "num_hidden_layers": rng.choice([2, 3]),
        "num_attention_heads": heads,
        "num_key_value_heads": heads,
        "n_shared_experts": rng.choice([1, 2]),
        "n_routed_experts": groups * per_group,
        "n_group": groups,
        "topk_group": top_groups,
        "num_experts_per_tok": rng.randint(1, min(top_groups * per_group, 4)),
        "first_k_dense_replace": rng.choice([0, 1, 1, 2]),
        "routed_scaling_factor": rng.choice([1.0, 2.5]),
        "norm_topk_prob": rng.random() < 0.7,
        "kv_lora_rank": rng.choice([16, 24, 37]),
        "q_lora_rank": rng.choice([None, 20, 33]),
        "qk_rope_head_dim": rng.choice([4, 8, 16]),
        "qk_nope_head_dim": rng.choice([8, 12, 20]),
        "v_head_dim": rng.choice([8, 10, 16]),
        "hidden_act": rng.choice(["silu", "silu", "gelu"]),
        "max_position_embeddings": 4 * original,
        "rms_norm_eps": rng.choice([1e-6, 1e-5, 1e-3]),
        "rope_interleave": rng.random() < 0.7,
        "attention_bias": rng.random() < 0.5,
        "tie_word_embeddings": rng.random() < 0.3,
        "rope_theta": rng.choice([100.0, 10000.0]),
    }
    if rng.random() < 0.7:
        config["rope_scaling"] = {
            "type": "yarn",
            "factor": rng.choice([2.0, 4.0, 8.0]),
            "original_max_position_embeddings": original,
        } | rng.choice([{}, {"mscale": 1.2, "mscale_all_dim": 0.7}, {"mscale": 1.0, "mscale_all_dim": 1.0}])
    return config, rng.choice([60, 100, 270])


def deepseek_v2(rng):
    config, length = deepseek_v3(rng)
    for key in ("rope_interleave", "n_group", "topk_group"):
        del config[key]
    config |= {"num_experts_per_tok": rng.choice([1, 2, 3]), "n_routed_experts": 6, "mlp_bias": rng.random() < 0.4}
    config |= {"q_lora_rank": rng.choice([None, 20]), "hidden_size": 12 * config["num_attention_heads"]}
    config |= {"norm_topk_prob": rng.random() < 0.3, "first_k_dense_replace": rng.choice([0, 1])}
    config["kv_lora_rank"] = rng.choice([16, 24, 38])  # the reference turns pairs only where it is even
    if rng.random() < 0.6:
        config |= {"topk_method": "group_limited_greedy", "n_group": 3, "topk_group": 2}
    return config, length


def input_length(rng):
    """Of an encoder: short, or past the first cut of 256 keys."""
    return rng.choice([rng.randint(2, 100), rng.randint(260, 300)])


def t5(rng):
    config = {
        "vocab_size": rng.choice([131, 160, 193]),
        "d_model": rng.choice([40, 48]),
        "d_kv": rng.choice([7, 8, 12, 20]),
        "d_ff": rng.choice([57, 64]),
        "num_layers": rng.choice([1, 2]),
        "num_decoder_layers": rng.choice([2, 3]),
        "num_heads": rng.choice([1, 3, 4]),
        "relative_attention_num_buckets": rng.choice([32, 8, 20, 6]),
        "relative_attention_max_distance": rng.choice([128, 20, 63, 100]),
        "layer_norm_epsilon": rng.choice([1e-6, 1e-3]),
        "feed_forward_proj": rng.choice(["relu", "gated-gelu", "gated-silu", "gelu", "gated-relu"]),
    }
    config |= rng.choice([{}, {"tie_word_embeddings": False}, {"tie_word_embeddings": True}])
    return config, input_length(rng)


def bart(rng):
    encoder_heads, decoder_heads = rng.choice([(4, 2), (2, 4), (3, 6), (1, 2)])
    config = {
        "vocab_size": rng.choice([131, 160, 193]),
        "d_model": rng.choice([36, 48]),
        "encoder_layers": rng.choice([1, 2]),
        "decoder_layers": rng.choice([2, 3]),
        "encoder_attention_heads": encoder_heads,
        "decoder_attention_heads": decoder_heads,
        "encoder_ffn_dim": rng.choice([57, 64]),
        "decoder_ffn_dim": rng.choice([40, 72]),
        "max_position_embeddings": 512,
        "activation_function": rng.choice(["gelu", "relu", "gelu_new", "silu"]),
        "scale_embedding": rng.random() < 0.5,
        "tie_word_embeddings": rng.random() < 0.7,
    }
    return config, input_length(rng)


def led(rng):
    config, length = bart(rng)
    del config["max_position_embeddings"]
    windows = [rng.choice([4, 16, 64]) for _ in range(config["encoder_layers"])]  # the reference wants multiples
    return config | {
        "scale_embedding": False,
        "max_encoder_position_embeddings": 400,  # the reference fills inputs up to a multiple of the widest window
        "max_decoder_position_embeddings": 120,
        "attention_window": rng.choice([windows, rng.choice([4, 10, 34])]),
        "decoder_start_token_id": 2,
    }, length


def bart_kin(rng, **own):
    """MBart and the like, whose settings are BART's."""
    config, length = bart(rng)
    return config | {"decoder_start_token_id": 2} | own, length


def umt5(rng):
    config, length = t5(rng)
    config.pop("tie_word_embeddings", None)  # always tied
    config["decoder_start_token_id"] = 0
    return config, length


def mamba2(rng):
    heads, groups = rng.choice([(6, 2), (4, 1), (3, 3), (8, 4)])
    config = {
        "vocab_size": rng.choice([131, 160]),
        "hidden_size": heads * 8,
        "num_hidden_layers": rng.choice([2, 3]),
        "expand": 2,
        "num_heads": heads,
        "head_dim": 16,
        "state_size": rng.choice([16, 20, 24]),
        "n_groups": groups,
        "conv_kernel": rng.choice([2, 3, 4]),
        "use_bias": rng.random() < 0.5,
        "use_conv_bias": rng.random() < 0.5,
        "hidden_act": rng.choice(["silu", "silu", "gelu"]),
        "chunk_size": rng.choice([16, 64]),
        "layer_norm_epsilon": rng.choice([1e-5, 1e-3]),
        "tie_word_embeddings": rng.random() < 0.4,
    }
    if rng.random() < 0.3:
        config["time_step_limit"] = rng.choice([[0.05, 0.6], [0.0, 0.3]])
    return config, rng.choice([60, 100, 270])


def mamba(rng):
    config = {
        "vocab_size": rng.choice([131, 160]),
        "hidden_size": rng.choice([32, 40, 56]),
        "num_hidden_layers": rng.choice([2, 3]),
        "expand": rng.choice([1, 2, 3]),
        "state_size": rng.choice([4, 7, 16]),
        "conv_kernel": rng.choice([2, 3, 4]),
        "use_bias": rng.random() < 0.5,
        "use_conv_bias": rng.random() < 0.5,
        "hidden_act": rng.choice(["silu", "silu", "gelu"]),
        "layer_norm_epsilon": rng.choice([1e-5, 1e-3]),
    }
    config |= rng.choice([{}, {"time_step_rank": "auto"}, {"time_step_rank": 5}])
    return config | rng.choice([{}, {"tie_word_embeddings": False}]), rng.choice([60, 100, 270])


def rwkv(rng):
    config = {
        "vocab_size": rng.choice([131, 160]),
        "hidden_size": rng.choice([36, 48, 72]),
        "num_hidden_layers": rng.choice([2, 3]),
        "context_length": 400,
        "layer_norm_epsilon": rng.choice([1e-5, 1e-1]),
        "tie_word_embeddings": rng.random() < 0.3,
    }
    config |= rng.choice([{}, {"rescale_every": 1}, {"rescale_every": 2}, {"rescale_every": 0}])
    return config | rng.choice([{}, {"intermediate_size": 50}]), rng.choice([60, 100, 270])


DRAWS = DECODER_DRAWS | {
    "bart": bart,
    "bloom": bloom,
    "blenderbot": bart_kin,
    "deepseek_v2": deepseek_v2,
    "deepseek_v3": deepseek_v3,
    "gemma2": gemma2,
    "gpt2": gpt2,
    "gpt_oss": gpt_oss,
    "led": led,
    "llama": lambda rng, rope=None: llama_form(rng, "llama", rope),
    "m2m_100": lambda rng: bart_kin(rng, pad_token_id=1),
    "mamba": mamba,
    "mamba2": mamba2,
    "marian": lambda rng: bart_kin(rng, pad_token_id=0),
    "mbart": bart_kin,
    "mistral": lambda rng, rope=None: llama_form(rng, "mistral", rope),
    "mixtral": mixtral,
    "pegasus": bart_kin,
    "phi3": phi3,
    "qwen2": lambda rng, rope=None: llama_form(rng, "qwen2", rope),
    "qwen2_moe": qwen2_moe,
    "qwen3": lambda rng, rope=None: llama_form(rng, "qwen3", rope),
    "mt5": t5,
    "rwkv": rwkv,
    "t5": t5,
    "umt5": umt5,
}
ANY_ROPE = ("llama", "mistral", "qwen2", "qwen3")  # whose draw takes a kind of rotary scaling
BART_KIN = ("bart", "blenderbot", "led", "m2m_100", "marian", "mbart", "pegasus")
ENCODER_DECODERS = BART_KIN + ("mt5", "t5", "umt5")
