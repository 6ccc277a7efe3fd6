"""Families that are another one by other names: what is drawn of their settings, as that one has them, and how their
files are laid out. transformers has no class of them; their own code stands beside their weights on the Hub.

InternLM2, Baichuan and EXAONE 3 are Llama; the larger Baichuan has ALiBi in the place of rotary positions, and of
Baichuan 2 the rows of the head count by their directions alone. In a drawn config these are "alibi" and "norm_head".
"""

import json

import torch
from families import llama_form
from safetensors.torch import load_file, save_file
from transformers.models.bloom.modeling_bloom import build_alibi_tensor

SECOND_VOCABULARY = 125696  # by which Baichuan 2 is told


def plain_llama(rng, rope_kinds):
    """Settings of Llama without those that none of these have."""
    config, length = llama_form(rng, "llama", rng.choice(rope_kinds))
    for key in ("head_dim", "attention_bias", "mlp_bias"):
        config.pop(key, None)
    return {"model_type": "llama"} | config, length


def draw_internlm2(rng):
    config, length = plain_llama(rng, ["default", "linear", "dynamic"])
    return config | {"attention_bias": rng.random() < 0.6}, length


def draw_baichuan(rng):
    config, length = plain_llama(rng, ["default"])
    config |= {"num_key_value_heads": config["num_attention_heads"], "tie_word_embeddings": False}
    if rng.random() < 0.6:
        config["alibi"] = True
    if rng.random() < 0.4:
        config |= {"norm_head": True, "vocab_size": SECOND_VOCABULARY}
    return config, length


def draw_exaone(rng):
    return plain_llama(rng, ["default", "linear", "dynamic", "yarn", "llama3"])


def renamed(name, names):
    for old, new in names.items():
        name = name.replace(old, new)
    return name


def take_projections(weights, layer, kind="weight"):
    return [weights.pop(f"model.layers.{layer}.self_attn.{x}_proj.{kind}") for x in "qkv"]


def internlm2(config, weights):
    """For every head of keys: its queries, its keys, its values."""
    kv_heads = config["num_key_value_heads"]
    config = dict(config)
    config["bias"] = config.pop("attention_bias", False)
    for layer in range(config["num_hidden_layers"]):
        for kind in ("weight", "bias") if config["bias"] else ("weight",):
            parts = [x.reshape(kv_heads, -1, *x.shape[1:]) for x in take_projections(weights, layer, kind)]
            weights[f"model.layers.{layer}.self_attn.wqkv.{kind}"] = torch.cat(parts, 1).flatten(0, 1)
    names = {"self_attn.o_proj": "self_attn.wo", "self_attn": "attention", "embed_tokens": "tok_embeddings"}
    names |= {"mlp.gate_proj": "feed_forward.w1", "mlp.up_proj": "feed_forward.w3", "mlp.down_proj": "feed_forward.w2"}
    names |= {"input_layernorm": "attention_norm", "post_attention_layernorm": "ffn_norm", "lm_head": "output"}
    return config, {renamed(name, names): tensor for name, tensor in weights.items()}


def baichuan(config, weights):
    config = {key: value for key, value in config.items() if key != "norm_head"}
    if config.pop("alibi", False):  # by this key the larger one is told
        config["model_max_length"] = config.pop("max_position_embeddings")
    for layer in range(config["num_hidden_layers"]):
        weights[f"model.layers.{layer}.self_attn.W_pack.weight"] = torch.cat(take_projections(weights, layer))
    return config, weights


def exaone(config, weights):
    names = {"model.embed_tokens": "transformer.wte", "model.layers": "transformer.h", "model.norm": "transformer.ln_f"}
    names |= {"self_attn.o_proj": "self_attn.out_proj", "self_attn": "attn.attention"}
    names |= {"mlp.gate_proj": "mlp.c_fc_0", "mlp.up_proj": "mlp.c_fc_1", "mlp.down_proj": "mlp.c_proj"}
    names |= {"input_layernorm": "ln_1", "post_attention_layernorm": "ln_2"}
    own = {"num_hidden_layers": "num_layers", "rms_norm_eps": "layer_norm_epsilon"}
    own |= {"hidden_act": "activation_function"}
    config = {own.get(key, key): value for key, value in config.items()}
    if not config.pop("tie_word_embeddings", False):
        config["tie_word_embeddings"] = False  # its class ties where nothing is said
    return config, {renamed(name, names): tensor for name, tensor in weights.items()}


RENAMED = {"internlm2": draw_internlm2, "baichuan": draw_baichuan, "exaone": draw_exaone}
LAY_OUT = {"internlm2": internlm2, "baichuan": baichuan, "exaone": exaone}


def lay_out(folder, family, source=None):
    """Writes into `folder` what the case in `source` holds, as files of `family` do."""
    source = source or folder
    config, weights = LAY_OUT[family](
        json.loads((source / "config.json").read_text()), load_file(source / "model.safetensors")
    )
    (folder / "config.json").write_text(json.dumps(config | {"model_type": family}, indent=1) + "\n")
    save_file({key: tensor.contiguous() for key, tensor in weights.items()}, folder / "model.safetensors")


class NotTurned(torch.nn.Module):
    """In the place of Llama's rotary positions."""

    def __init__(self, head_dim):
        super().__init__()
        self.head_dim = head_dim

    def forward(self, x, position_ids):
        cos = torch.ones(*position_ids.shape, self.head_dim)
        return cos, torch.zeros_like(cos)


def with_alibi(model):
    """Calls `model`, a Llama, with ALiBi in the place of rotary positions."""
    heads = model.config.num_attention_heads
    model.model.rotary_emb = NotTurned(model.config.hidden_size // heads)

    def step(ids, past_key_values=None, **state):
        before = 0 if past_key_values is None else past_key_values.get_seq_length()
        n = before + ids.shape[1]
        bias = build_alibi_tensor(torch.ones(1, n), heads, torch.float32)[None]  # of a key's place: rows may differ
        later = torch.full((ids.shape[1], n), torch.finfo(torch.float32).min).triu(before + 1)
        return model(ids, attention_mask=bias + later, past_key_values=past_key_values, **state)

    return step


def use_norm_head(model):
    head = model.lm_head
    head.forward = lambda x: torch.nn.functional.linear(x, torch.nn.functional.normalize(head.weight))
