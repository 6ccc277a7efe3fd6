"""Makes cases of families that transformers has no class of: what other cases hold, laid out as these families' files.

    python tests/models/make_renamed_goldens.py        (after make_goldens.py)

InternLM2, Baichuan and EXAONE 3 are Llama by other names; gemma3 is the text model of a folder that also sees.
"""

import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

FOLDER = Path(__file__).resolve().parent.parent / "data" / "models"


def renamed(name, names):
    for old, new in names.items():
        name = name.replace(old, new)
    return name


def take_projections(weights, layer):
    return [weights.pop(f"model.layers.{layer}.self_attn.{x}_proj.weight") for x in "qkv"]


def internlm2(config, weights):
    """For every head of keys: its queries, its keys, its values."""
    kv_heads = config["num_key_value_heads"]
    for layer in range(config["num_hidden_layers"]):
        parts = [x.reshape(kv_heads, -1, x.shape[1]) for x in take_projections(weights, layer)]
        fused = torch.cat(parts, 1).reshape(-1, config["hidden_size"])
        weights[f"model.layers.{layer}.self_attn.wqkv.weight"] = fused
    names = {"self_attn.o_proj": "self_attn.wo", "self_attn": "attention", "embed_tokens": "tok_embeddings"}
    names |= {"mlp.gate_proj": "feed_forward.w1", "mlp.up_proj": "feed_forward.w3", "mlp.down_proj": "feed_forward.w2"}
    names |= {"input_layernorm": "attention_norm", "post_attention_layernorm": "ffn_norm", "lm_head": "output"}
    return config | {"bias": False}, {renamed(name, names): tensor for name, tensor in weights.items()}


def baichuan(config, weights):
    for layer in range(config["num_hidden_layers"]):
        weights[f"model.layers.{layer}.self_attn.W_pack.weight"] = torch.cat(take_projections(weights, layer))
    return config, weights


def exaone(config, weights):
    names = {"model.embed_tokens": "transformer.wte", "model.layers": "transformer.h", "model.norm": "transformer.ln_f"}
    names |= {"self_attn.o_proj": "self_attn.out_proj", "self_attn": "attn.attention"}
    names |= {"mlp.gate_proj": "mlp.c_fc_0", "mlp.up_proj": "mlp.c_fc_1", "mlp.down_proj": "mlp.c_proj"}
    names |= {"input_layernorm": "ln_1", "post_attention_layernorm": "ln_2"}
    own = {"num_layers": "num_hidden_layers", "layer_norm_epsilon": "rms_norm_eps"}
    config = {key: value for key, value in config.items() if key not in own.values()} | {
        key: config[old] for key, old in own.items()
    }
    return config, {renamed(name, names): tensor for name, tensor in weights.items()}


def gemma3(config, weights):
    weights = {name.replace("model.", "model.language_model.", 1): tensor for name, tensor in weights.items()}
    weights["model.vision_tower.patch_embedding.weight"] = torch.ones(2, 2)
    return {"text_config": config, "torch_dtype": config["torch_dtype"]}, weights


CASES = {
    "internlm2_renamed": ("llama_past_a_cut_linear", internlm2),
    "baichuan_renamed": ("llama_dynamic_bf16", baichuan),
    "exaone_renamed": ("llama_past_a_cut_linear", exaone),
    "gemma3_renamed": ("gemma3_text_drawn", gemma3),
}


def main():
    for name, (source, lay_out) in CASES.items():
        config = json.loads((FOLDER / source / "config.json").read_text())
        config, weights = lay_out(config, load_file(FOLDER / source / "model.safetensors"))
        config["model_type"] = name.split("_")[0]
        folder = FOLDER / name
        folder.mkdir(exist_ok=True)
        (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")
        save_file({key: tensor.contiguous() for key, tensor in weights.items()}, folder / "model.safetensors")
        shutil.copy(FOLDER / source / "expected.safetensors", folder / "expected.safetensors")


if __name__ == "__main__":
    main()
