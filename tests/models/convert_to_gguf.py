"""Converts a model folder of a kind that Skald knows to GGUF, as llama.cpp's conversion does, with the gguf package.

    python tests/models/convert_to_gguf.py FOLDER OUT.gguf [--type F32|F16|BF16|Q8_0|Q4_0|...] [--pre llama-bpe]

For tests: names come from the package's own tables, changes of tensors from llama.cpp's convert_hf_to_gguf.py.
"""

import argparse
import json
import pathlib
import re

import gguf
import numpy as np
import torch
from gguf import GGMLQuantizationType as Type
from gguf import TokenType
from safetensors import safe_open

ARCHITECTURES = {
    "llama": gguf.MODEL_ARCH.LLAMA,
    "mixtral": gguf.MODEL_ARCH.LLAMA,
    "qwen2": gguf.MODEL_ARCH.QWEN2,
    "qwen3": gguf.MODEL_ARCH.QWEN3,
    "qwen2_moe": gguf.MODEL_ARCH.QWEN2MOE,
    "gemma2": gguf.MODEL_ARCH.GEMMA2,
    "phi3": gguf.MODEL_ARCH.PHI3,
    "gpt2": gguf.MODEL_ARCH.GPT2,
}
EXPERT = re.compile(r"(model\.layers\.(\d+)\.(?:block_sparse_moe|mlp)\.experts)\.(\d+)\.(\w+)\.weight")
CONV1D = (".attn.c_attn.weight", ".attn.c_proj.weight", ".mlp.c_fc.weight", ".mlp.c_proj.weight")


def read_tensors(folder: pathlib.Path) -> dict[str, torch.Tensor]:
    tensors = {}
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, "pt") as file:
            tensors |= {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    return tensors


def pair_rows(weight: torch.Tensor, heads: int) -> torch.Tensor:
    """The rows that are rotated together stand side by side."""
    halves = weight.reshape(heads, 2, weight.shape[0] // heads // 2, *weight.shape[1:])
    return halves.swapaxes(1, 2).reshape(weight.shape)


def stack_experts(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    out, experts = {}, {}
    for name, tensor in tensors.items():
        if match := EXPERT.fullmatch(name):
            prefix, layer, number, part = match.groups()
            if "block_sparse_moe" in prefix:
                prefix = f"layers.{layer}.feed_forward.experts"
            experts.setdefault(f"{prefix}.{part}.weight", {})[int(number)] = tensor
        else:
            out[name] = tensor
    return out | {name: torch.stack([parts[i] for i in range(len(parts))]) for name, parts in experts.items()}


def change(name: str, tensor: torch.Tensor, config: dict) -> torch.Tensor:
    kind = config["model_type"]
    if kind in ("llama", "mixtral"):
        heads = config["num_attention_heads"]
        if ".q_proj." in name:
            return pair_rows(tensor, heads)
        if ".k_proj." in name:
            return pair_rows(tensor, config.get("num_key_value_heads") or heads)
    if kind == "gemma2" and name.endswith("norm.weight"):
        return tensor.float() + 1
    if kind == "gpt2" and name.endswith(CONV1D):
        return tensor.t().contiguous()
    return tensor


def add_tensors(writer: gguf.GGUFWriter, folder: pathlib.Path, config: dict, kind: Type) -> None:
    arch = ARCHITECTURES[config["model_type"]]
    names = gguf.get_tensor_name_map(arch, config.get("num_hidden_layers") or config["n_layer"])
    for name, stored in stack_experts(read_tensors(folder)).items():
        tensor = change(name, stored, config).float().numpy()
        new = names.get_name(name, try_suffixes=(".weight", ".bias"))
        if new is None:
            raise SystemExit(f"no name for {name}")
        block = gguf.GGML_QUANT_SIZES[kind][0]
        wanted = kind if tensor.ndim > 1 and tensor.shape[-1] % block == 0 else Type.F32
        writer.add_tensor(new, gguf.quantize(tensor, wanted), raw_dtype=wanted)
    if (factors := llama3_factors(config)) is not None:
        writer.add_tensor("rope_freqs.weight", factors)
    rope = config.get("rope_scaling") or config.get("rope_parameters") or {}
    if rope.get("rope_type", rope.get("type")) == "longrope":
        for which in ("long", "short"):
            writer.add_tensor(f"rope_factors_{which}.weight", np.array(rope[f"{which}_factor"], dtype=np.float32))


def llama3_factors(config: dict) -> np.ndarray | None:
    rope = config.get("rope_scaling") or config.get("rope_parameters") or {}
    if rope.get("rope_type") != "llama3":
        return None
    dim = config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]
    theta = rope.get("rope_theta") or config["rope_theta"]
    frequencies = 1.0 / (theta ** (torch.arange(0, dim, 2, dtype=torch.float32) / dim))
    original = rope["original_max_position_embeddings"]
    low, high, factor = rope["low_freq_factor"], rope["high_freq_factor"], rope["factor"]
    factors = []
    for wavelength in (2 * np.pi / frequencies).tolist():
        smooth = (original / wavelength - low) / (high - low)
        if wavelength < original / high:
            factors.append(1.0)
        elif wavelength > original / low:
            factors.append(factor)
        else:
            factors.append(1 / ((1 - smooth) / factor + smooth))
    return np.array(factors, dtype=np.float32)


def add_settings(writer: gguf.GGUFWriter, config: dict) -> None:
    kind = config["model_type"]
    rope = config.get("rope_scaling") or config.get("rope_parameters") or {}
    if kind == "gpt2":
        writer.add_context_length(config["n_positions"])
        writer.add_embedding_length(config["n_embd"])
        writer.add_block_count(config["n_layer"])
        writer.add_feed_forward_length(4 * config["n_embd"])
        writer.add_head_count(config["n_head"])
        writer.add_layer_norm_eps(config["layer_norm_epsilon"])
        return
    heads = config["num_attention_heads"]
    head_dim = config.get("head_dim") or config["hidden_size"] // heads
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(config.get("num_key_value_heads") or heads)
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(rope.get("rope_theta") or config.get("rope_theta", 10000.0))
    writer.add_rope_dimension_count(int(head_dim * (rope.get("partial_rotary_factor") or 1)))
    writer.add_vocab_size(config["vocab_size"])
    if config.get("head_dim"):
        writer.add_key_length(head_dim)
        writer.add_value_length(head_dim)
    if kind in ("mixtral", "qwen2_moe"):
        writer.add_expert_count(config.get("num_local_experts") or config["num_experts"])
        writer.add_expert_used_count(config["num_experts_per_tok"])
    if kind == "qwen2_moe":
        writer.add_expert_feed_forward_length(config["moe_intermediate_size"])
        writer.add_expert_shared_feed_forward_length(config["shared_expert_intermediate_size"])
    if kind == "gemma2":
        writer.add_attn_logit_softcapping(config["attn_logit_softcapping"])
        writer.add_final_logit_softcapping(config["final_logit_softcapping"])
    if kind in ("gemma2", "phi3") and config.get("sliding_window"):
        writer.add_sliding_window(config["sliding_window"])
    kind_of_rope = rope.get("rope_type", "default")
    if kind_of_rope == "longrope":
        writer.add_rope_scaling_orig_ctx_len(rope["original_max_position_embeddings"])
        writer.add_rope_scaling_attn_factors(rope["attention_factor"])
    if kind_of_rope in ("linear", "yarn"):
        writer.add_rope_scaling_type(gguf.RopeScalingType(kind_of_rope))
        writer.add_rope_scaling_factor(rope["factor"])
        if kind_of_rope == "yarn":
            writer.add_rope_scaling_orig_ctx_len(rope["original_max_position_embeddings"])


def token_type(token: str, special: dict, bytes_too: bool) -> TokenType:
    if token in special:
        return TokenType.CONTROL if special[token] else TokenType.USER_DEFINED
    if bytes_too and re.fullmatch("<0x[0-9A-F]{2}>", token):
        return TokenType.BYTE
    return TokenType.NORMAL


def add_tokenizer(writer: gguf.GGUFWriter, folder: pathlib.Path, config: dict, pre: str | None) -> None:
    """`pre`: how byte-level BPE cuts words, by llama.cpp's name; None: SentencePiece BPE."""
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    ids = tokenizer["model"]["vocab"] | {t["content"]: t["id"] for t in tokenizer["added_tokens"]}
    special = {t["content"]: t["special"] for t in tokenizer["added_tokens"]}
    by_id = {i: token for token, i in ids.items()}
    tokens = [by_id.get(i, f"[PAD{i}]") for i in range(max(max(by_id) + 1, config.get("vocab_size", 0)))]
    writer.add_tokenizer_model("gpt2" if pre else "llama")
    if pre:
        writer.add_tokenizer_pre(pre)
    writer.add_token_list(tokens)
    writer.add_token_types([token_type(t, special, pre is None) for t in tokens])
    merges = [" ".join(m) if isinstance(m, list) else m for m in tokenizer["model"]["merges"]]
    if pre:
        writer.add_token_merges(merges)
    else:  # a token's score falls with the place of the first merge that makes it
        ranks = {}
        for rank, merge in enumerate(merges):
            ranks.setdefault(merge.replace(" ", ""), rank)
        writer.add_token_scores([-float(ranks.get(t, len(merges))) for t in tokens])
    roles = {}
    if (folder / "tokenizer_config.json").exists():
        roles = json.loads((folder / "tokenizer_config.json").read_text())
    first = re.search(r'"SpecialToken": {"id": "(.*?)"', json.dumps(tokenizer.get("post_processor")))
    if first:
        roles["bos_token"] = first[1]
    writer.add_add_bos_token(first is not None)
    roles.setdefault("unk_token", tokenizer["model"].get("unk_token"))
    for role in ("bos", "eos", "pad", "unk"):
        token = roles.get(f"{role}_token")
        token = token["content"] if isinstance(token, dict) else token
        if token in ids:
            getattr(writer, f"add_{role}_token_id")(ids[token])
    if (folder / "chat_template.jinja").exists():
        writer.add_chat_template((folder / "chat_template.jinja").read_text())


def convert(
    folder: pathlib.Path, out: pathlib.Path, kind: Type = Type.F32, pre: str | None = None, arrays: dict | None = None
) -> None:
    """`arrays`: further metadata."""
    config = json.loads((folder / "config.json").read_text())
    writer = gguf.GGUFWriter(out, gguf.MODEL_ARCH_NAMES[ARCHITECTURES[config["model_type"]]])
    add_settings(writer, config)
    if (folder / "tokenizer.json").exists():
        add_tokenizer(writer, folder, config, pre)
    add_tensors(writer, folder, config, kind)
    for key, values in (arrays or {}).items():
        writer.add_array(key, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--type", default="F32", choices=[t.name for t in Type])
    parser.add_argument("--pre")
    args = parser.parse_args()
    convert(args.folder, args.out, Type[args.type], args.pre)


if __name__ == "__main__":
    main()
