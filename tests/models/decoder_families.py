"""Drawn settings of decoders that are near Llama, GPT-2 or BLOOM. One row of DRAWS each."""

HEADS = [(4, 2), (2, 1), (4, 4), (3, 1), (6, 2), (4, 1)]
LENGTHS = [60, 100, 270]
ACTIVATIONS = ["silu", "silu", "gelu", "gelu_pytorch_tanh", "relu"]


def decoder(rng, head_dims=(8, 12, 20), kv=True):
    heads, kv_heads = rng.choice(HEADS)
    config = {
        "vocab_size": rng.choice([131, 160]),
        "hidden_size": heads * rng.choice(head_dims),
        "intermediate_size": rng.choice([57, 64]),
        "num_hidden_layers": rng.choice([2, 3]),
        "num_attention_heads": heads,
        "tie_word_embeddings": rng.random() < 0.4,
        "max_position_embeddings": 400,
    }
    if kv:
        config["num_key_value_heads"] = kv_heads
    return config


def rms(rng):
    return {"rms_norm_eps": rng.choice([1e-6, 1e-3]), "hidden_act": rng.choice(ACTIVATIONS)}


def theta(rng):
    """With a scaling now and then: all rotary families read it alike."""
    scaled = {"rope_type": "linear", "factor": 3.0}
    return {"rope_theta": rng.choice([100.0, 10000.0])} | rng.choice([{}, {}, {"rope_scaling": scaled}])


def maybe(rng, key, share=0.5):
    return {key: rng.random() < share}


def some_sliding(rng, config):
    return {"layer_types": rng.choices(["full_attention", "sliding_attention"], k=config["num_hidden_layers"])}


def gemma(rng):
    config = decoder(rng) | {"head_dim": rng.choice([8, 12, 20]), "rms_norm_eps": rng.choice([1e-6, 1e-3])}
    config |= theta(rng) | maybe(rng, "attention_bias", 0.3)
    config |= rng.choice([{}, {"hidden_act": "gelu"}, {"hidden_act": "gelu", "hidden_activation": None}])
    config |= rng.choice([{"tie_word_embeddings": True}, {}])
    return config, rng.choice(LENGTHS)


def gemma3_text(rng):
    config = decoder(rng) | {
        "head_dim": rng.choice([8, 12, 20]),
        "rms_norm_eps": rng.choice([1e-6, 1e-3]),
        "query_pre_attn_scalar": rng.choice([4, 16, 144]),
        "sliding_window": rng.choice([5, 17, 33]),
        "sliding_window_pattern": rng.choice([2, 3]),
        "hidden_activation": rng.choice(["gelu_pytorch_tanh", "gelu"]),
    }
    config |= maybe(rng, "attention_bias", 0.3) | rng.choice([{}, {"final_logit_softcapping": 2.0}])
    full = rng.choice([{}, {"rope_type": "linear", "factor": 8.0}])
    together = {"full_attention": {"rope_type": "default", "rope_theta": 5000.0} | full}
    together["sliding_attention"] = {"rope_type": "default", "rope_theta": 80.0}
    apart = {"rope_theta": 5000.0, "rope_local_base_freq": 80.0} | ({"rope_scaling": full} if full else {})
    config |= rng.choice([{"rope_parameters": together}, apart, apart, {}])
    if rng.random() < 0.4:
        config |= some_sliding(rng, config)
    return config, rng.choice(LENGTHS)


def gemma3(rng):
    """The text model of one that also sees; what it sees with is as small as can be."""
    config, length = gemma3_text(rng)
    sizes = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}
    eyes = {"model_type": "siglip_vision_model", "image_size": 8, "patch_size": 4} | sizes
    text = {"model_type": "gemma3_text"} | config
    together = {"text_config": text, "vision_config": eyes, "mm_tokens_per_image": 4}
    return together | {"tie_word_embeddings": rng.random() < 0.4}, length


def qwen3_moe(rng):
    config = decoder(rng, head_dims=(8, 12, 20)) | rms(rng) | theta(rng)
    config |= {
        "num_experts": rng.choice([4, 5, 8, 17]),
        "num_experts_per_tok": rng.choice([1, 2, 3, 4]),
        "intermediate_size": rng.choice([36, 52]),
        "moe_intermediate_size": rng.choice([20, 36, 64]),
    }
    config |= maybe(rng, "norm_topk_prob") | maybe(rng, "attention_bias", 0.3) | rng.choice([{}, {"head_dim": 12}])
    config |= rng.choice([{}, {}, {"decoder_sparse_step": 2}, {"mlp_only_layers": [0]}])
    config |= rng.choice([{}, {"sliding_window": 9}, {"use_sliding_window": True, "sliding_window": 7}])
    return config, rng.choice(LENGTHS)


def phi(rng):
    config = decoder(rng, head_dims=(8, 16, 24)) | theta(rng) | maybe(rng, "qk_layernorm")
    config |= {"layer_norm_eps": rng.choice([1e-5, 1e-3]), "hidden_act": rng.choice(["gelu_new", "relu", "gelu"])}
    config |= rng.choice([{}, {"partial_rotary_factor": 0.25}, {"partial_rotary_factor": 1.0}])
    return config, rng.choice(LENGTHS)


def gpt_neox(rng):
    config = decoder(rng, head_dims=(8, 16, 24), kv=False) | maybe(rng, "use_parallel_residual", 0.6)
    config |= {"layer_norm_eps": rng.choice([1e-5, 1e-3]), "hidden_act": rng.choice(["gelu", "gelu_fast"])}
    config |= rng.choice([{}, {"rotary_pct": 0.5}, {"rotary_pct": 1.0, "rotary_emb_base": 500}])
    config |= rng.choice([{}, {"attention_bias": False}, {"rope_scaling": {"rope_type": "linear", "factor": 3.0}}])
    return config, rng.choice(LENGTHS)


def persimmon(rng):
    config = decoder(rng, head_dims=(8, 16, 24), kv=False) | theta(rng)
    config |= rng.choice([{}, {"qk_layernorm": False, "hidden_act": rng.choice(["gelu", "relu2"])}])
    config["layer_norm_eps"] = rng.choice([1e-5, 1e-3])
    return config | rng.choice([{}, {"partial_rotary_factor": 1.0}]), rng.choice(LENGTHS)


def gpt_form(rng, hidden, layers, heads, positions, head_dims):
    """What a decoder with other names for its sizes has."""
    n_heads = rng.choice([1, 2, 3, 4])
    return {
        "vocab_size": rng.choice([131, 160]),
        hidden: n_heads * rng.choice(head_dims),
        layers: rng.choice([2, 3]),
        heads: n_heads,
        positions: 400,
        "layer_norm_epsilon": rng.choice([1e-5, 1e-3]),
        "tie_word_embeddings": rng.random() < 0.4,
    }


def gptj(rng):
    config = gpt_form(rng, "n_embd", "n_layer", "n_head", "n_positions", (8, 12, 20))
    config |= {"rotary_dim": rng.choice([4, 6, 8]), "activation_function": rng.choice(["gelu_new", "relu"])}
    return config | rng.choice([{}, {"n_inner": 50}]), rng.choice(LENGTHS)


def gpt_neo(rng):
    config = gpt_form(rng, "hidden_size", "num_layers", "num_heads", "max_position_embeddings", (7, 8, 12))
    config |= {"window_size": rng.choice([5, 17, 256]), "activation_function": rng.choice(["gelu_new", "relu"])}
    kinds = {2: [[["global", "local"], 1]], 3: [[["local"], 1], [["global", "local"], 1]]}
    config["attention_types"] = kinds[config["num_layers"]]
    return config | rng.choice([{}, {"intermediate_size": 50}]), rng.choice(LENGTHS)


def gpt_bigcode(rng):
    config = gpt_form(rng, "n_embd", "n_layer", "n_head", "n_positions", (7, 8, 12))
    config |= maybe(rng, "multi_query", 0.6) | maybe(rng, "scale_attn_weights", 0.7)
    config |= maybe(rng, "attention_softmax_in_fp32")
    config["activation_function"] = rng.choice(["gelu_pytorch_tanh", "gelu", "relu"])
    return config | rng.choice([{}, {"n_inner": 50}]), rng.choice(LENGTHS)


def opt(rng):
    config = decoder(rng, head_dims=(7, 8, 12), kv=False)
    config["ffn_dim"] = config.pop("intermediate_size")
    config["activation_function"] = rng.choice(["relu", "gelu"])
    config |= rng.choice([{}, {}, {"do_layer_norm_before": False}, {"_remove_final_layer_norm": True}])
    config |= rng.choice([{}, {}, {"enable_bias": False}, {"layer_norm_elementwise_affine": False}])
    if rng.random() < 0.3:
        config["word_embed_proj_dim"] = 20
    return config, rng.choice(LENGTHS)


def falcon(rng):
    config = decoder(rng, kv=False) | theta(rng)
    config["ffn_hidden_size"] = config.pop("intermediate_size")
    config |= {"layer_norm_epsilon": rng.choice([1e-5, 1e-3]), "activation": rng.choice(["gelu", "relu"])}
    config |= maybe(rng, "bias", 0.4)
    if rng.random() < 0.5:
        kv_heads = rng.choice([n for n in (1, 2, 3) if config["num_attention_heads"] % n == 0])
        config |= {"new_decoder_architecture": True, "num_kv_heads": kv_heads}
        config |= rng.choice([{}, {"num_ln_in_parallel_attn": 1}])
        return config, rng.choice(LENGTHS)
    config |= maybe(rng, "multi_query") | maybe(rng, "parallel_attn")
    if rng.random() < 0.5:
        # Its biases are rounded to bf16: these are not changed by that.
        config |= {"alibi": True, "num_attention_heads": 4, "hidden_size": 48}
        return config, rng.choice([60, 100])
    return config, rng.choice(LENGTHS)


def starcoder2(rng):
    config = decoder(rng) | theta(rng) | maybe(rng, "use_bias", 0.7)
    config |= {"norm_epsilon": rng.choice([1e-5, 1e-3]), "hidden_act": rng.choice(["gelu_pytorch_tanh", "relu"])}
    return config | rng.choice([{}, {"sliding_window": rng.choice([7, 33])}]), rng.choice(LENGTHS)


def stablelm(rng):
    config = decoder(rng, head_dims=(8, 16, 24)) | theta(rng) | maybe(rng, "use_qkv_bias")
    config |= maybe(rng, "qk_layernorm") | maybe(rng, "use_parallel_residual")
    config |= {"layer_norm_eps": rng.choice([1e-5, 1e-3]), "hidden_act": rng.choice(ACTIVATIONS)}
    return config | rng.choice([{}, {"partial_rotary_factor": 0.5}]), rng.choice(LENGTHS)


def olmo(rng):
    config = decoder(rng) | theta(rng) | {"hidden_act": rng.choice(ACTIVATIONS)} | maybe(rng, "attention_bias", 0.3)
    return config | rng.choice([{}, {"clip_qkv": 0.7}, {"clip_qkv": 2.5}]), rng.choice(LENGTHS)


def olmo2(rng):
    return decoder(rng) | rms(rng) | theta(rng) | maybe(rng, "attention_bias", 0.3), rng.choice(LENGTHS)


def exaone4(rng):
    config = decoder(rng) | rms(rng) | theta(rng) | rng.choice([{}, {"head_dim": 12}])
    config |= {"sliding_window": rng.choice([5, 17, 33]), "sliding_window_pattern": rng.choice([2, 3])}
    if rng.random() < 0.3:
        config |= some_sliding(rng, config) | {"sliding_window_pattern": "LLG"}
    elif rng.random() < 0.3:
        config |= {"sliding_window": None, "layer_types": ["full_attention"] * config["num_hidden_layers"]}
    return config, rng.choice(LENGTHS)


def cohere(rng):
    config = decoder(rng) | theta(rng) | maybe(rng, "use_qk_norm") | maybe(rng, "attention_bias", 0.3)
    config |= {"layer_norm_eps": rng.choice([1e-5, 1e-3]), "hidden_act": rng.choice(ACTIVATIONS)}
    return config | rng.choice([{}, {"logit_scale": 0.3}]), rng.choice(LENGTHS)


def cohere2(rng):
    config = decoder(rng) | theta(rng) | maybe(rng, "attention_bias", 0.3)
    config |= {"layer_norm_eps": rng.choice([1e-5, 1e-3]), "sliding_window": rng.choice([5, 17, 33])}
    config |= rng.choice([{}, {"sliding_window_pattern": 2}, some_sliding(rng, config)])
    return config | rng.choice([{}, {"logit_scale": 0.3}]), rng.choice(LENGTHS)


def granite(rng):
    config = decoder(rng) | rms(rng) | theta(rng) | maybe(rng, "attention_bias", 0.3) | maybe(rng, "mlp_bias", 0.3)
    config |= {"attention_multiplier": rng.choice([0.2, 0.4]), "residual_multiplier": rng.choice([0.6, 1.0, 1.3])}
    return config | {"embedding_multiplier": rng.choice([1.0, 2.5]), "logits_scaling": 3.0}, rng.choice(LENGTHS)


def granitemoe(rng):
    config, length = granite(rng)
    del config["mlp_bias"]
    experts = {"num_local_experts": rng.choice([4, 5, 8]), "num_experts_per_tok": rng.choice([1, 2, 3])}
    return config | experts | {"intermediate_size": rng.choice([36, 52])}, length


def smollm3(rng):
    config = decoder(rng) | rms(rng) | theta(rng) | {"pad_token_id": 0}
    config |= maybe(rng, "attention_bias", 0.3) | maybe(rng, "mlp_bias", 0.3) | rng.choice([{}, {"head_dim": 12}])
    config |= rng.choice([{"no_rope_layer_interval": 2}, {"no_rope_layers": [1, 0, 1][: config["num_hidden_layers"]]}])
    config |= rng.choice([{}, {"use_sliding_window": True, "sliding_window": rng.choice([7, 33])}])
    return config, rng.choice(LENGTHS)


def glm(rng):
    config = decoder(rng) | rms(rng) | theta(rng) | maybe(rng, "attention_bias") | {"pad_token_id": 0}
    config["head_dim"] = rng.choice([8, 12, 20])
    return config | rng.choice([{}, {"partial_rotary_factor": 1.0}]), rng.choice(LENGTHS)


def mpt(rng):
    config = gpt_form(rng, "d_model", "n_layers", "n_heads", "max_seq_len", (7, 8, 12))
    config |= {"n_heads": rng.choice([3, 4, 6, 8]), "d_model": 48}
    config["attn_config"] = rng.choice([{}, {"clip_qkv": 1.5}, {"softmax_scale": 0.4}])
    return config, rng.choice(LENGTHS)


def nemotron(rng):
    config = decoder(rng) | theta(rng) | maybe(rng, "attention_bias", 0.3) | maybe(rng, "mlp_bias", 0.3)
    config |= {"norm_eps": rng.choice([1e-5, 1e-3]), "hidden_act": rng.choice(["relu2", "relu2", "gelu"])}
    config |= rng.choice([{}, {"head_dim": 12}])
    return config | rng.choice([{"partial_rotary_factor": 1.0}, {"head_dim": 16}]), rng.choice(LENGTHS)


DRAWS = {
    "cohere": cohere,
    "cohere2": cohere2,
    "exaone4": exaone4,
    "falcon": falcon,
    "gemma": gemma,
    "gemma3_text": gemma3_text,
    "glm": glm,
    "glm4": glm,
    "gpt_bigcode": gpt_bigcode,
    "gpt_neo": gpt_neo,
    "gpt_neox": gpt_neox,
    "gptj": gptj,
    "granite": granite,
    "granitemoe": granitemoe,
    "mpt": mpt,
    "nemotron": nemotron,
    "olmo": olmo,
    "olmo2": olmo2,
    "opt": opt,
    "persimmon": persimmon,
    "phi": phi,
    "qwen3_moe": qwen3_moe,
    "smollm3": smollm3,
    "stablelm": stablelm,
    "starcoder2": starcoder2,
}
