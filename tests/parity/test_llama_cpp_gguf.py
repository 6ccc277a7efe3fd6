"""What llama.cpp's own conversion makes of drawn checkpoints gives the tokens of the folders that it was made of.

    SKALD_LLAMA_CPP=llama_cpp_python-*/vendor/llama.cpp ./dev test --parity -k llama_cpp_gguf

The folder has convert_hf_to_gguf.py; without it these tests are skipped. SKALD_PARITY_SEED varies what is drawn.
"""

import json
import os
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")
safetensors_torch = pytest.importorskip("safetensors.torch")

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "models"))

from drawn_checkpoints import make_model, save_tokenizer  # noqa: E402
from families import DRAWS  # noqa: E402
from random_checkpoint import random_settings  # noqa: E402

SEED = int(os.environ.get("SKALD_PARITY_SEED", "0"))
LLAMA_CPP = os.environ.get("SKALD_LLAMA_CPP")
CLI = Path(os.environ.get("SKALD_CLI", ROOT / "build" / "release" / "cli" / "skald"))
TABLE = (ROOT / "src" / "formats" / "gguf_architectures.cc").read_text()
FAMILIES = sorted((set(re.findall(r'\.model_type = "(\w+)"', TABLE)) & set(DRAWS)) | {"mt5"})

# What a file has no place for, or the conversion passes over: left out, or as the format takes it for granted.
UNSAID = ("quantization_config", "layer_types", "hidden_act", "hidden_activation", "activation_function")
UNSAID += ("activation", "use_sliding_window", "no_rope_layer_interval", "no_rope_layers", "sliding_window_pattern")
PLAIN_ROPE = {"rope_theta": 10000.0, "rope_scaling": None}
YARN = {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 40, "mscale": 0.7, "mscale_all_dim": 0.7}
DEEPSEEK = {"rope_theta": 10000.0, "rope_scaling": YARN, "max_position_embeddings": 160, "rope_interleave": True}
DEEPSEEK |= {"attention_bias": False, "mlp_bias": None}
T5 = {"relative_attention_max_distance": 128, "feed_forward_proj": "gated-gelu", "num_layers": 3}
T5 |= {"decoder_start_token_id": 0, "num_decoder_layers": 2}  # more than in the encoder are not converted
GRANTED = {
    "bloom": lambda c: (
        {"apply_residual_connection_post_layernorm": False} | {"pretraining_tp": None, "slow_but_exact": None}
    ),
    "cohere": lambda c: {"tie_word_embeddings": True, "rope_scaling": None},
    "cohere2": lambda c: (
        {"tie_word_embeddings": True, "rope_scaling": None, "attention_bias": False}
        | {"num_hidden_layers": 4, "rotary_pct": 1.0}  # the last layer has no window
    ),
    "deepseek_v2": lambda c: (
        DEEPSEEK
        | {"topk_method": "group_limited_greedy" if c.get("n_group", 1) > 1 else "greedy"}
        | {"scoring_func": "softmax"}
    ),
    "deepseek_v3": lambda c: DEEPSEEK | {"scoring_func": "sigmoid"},
    "falcon": lambda c: (
        PLAIN_ROPE
        | {"alibi": False, "parallel_attn": True, "multi_query": True, "bias": False}
        | {"ffn_hidden_size": 4 * c["hidden_size"]}
    ),
    "gemma": lambda c: PLAIN_ROPE | {"attention_bias": False, "tie_word_embeddings": True},
    "gemma2": lambda c: (
        PLAIN_ROPE
        | {"query_pre_attn_scalar": c["head_dim"], "attention_bias": False, "tie_word_embeddings": True}
        | {"attn_logit_softcapping": 3.0, "final_logit_softcapping": 2.0}
    ),
    "gemma3_text": lambda c: (
        {"rope_parameters": None, "rope_scaling": None, "rope_theta": 5000.0, "rope_local_base_freq": 10000.0}
        | {"num_hidden_layers": 7, "query_pre_attn_scalar": c["head_dim"]}  # the sixth layer has no window
        | {"attention_bias": False, "tie_word_embeddings": True}
    ),
    "gpt2": lambda c: (
        {"scale_attn_weights": True, "scale_attn_by_inverse_layer_idx": False, "n_inner": None}
        | {"n_ctx": c["n_positions"]}
    ),
    "gpt_bigcode": lambda c: {"multi_query": True, "scale_attn_weights": True, "n_inner": None},
    "gpt_neox": lambda c: {"rope_scaling": None, "rotary_emb_base": None},
    "mamba": lambda c: {"vocab_size": 160, "expand": 2, "intermediate_size": 2 * c["hidden_size"]},
    "mamba2": lambda c: {"vocab_size": 160, "time_step_limit": None},  # a vocabulary of whole sixteens
    "mixtral": lambda c: {"sliding_window": None},
    "mt5": lambda c: T5 | {"tie_word_embeddings": False},
    "mpt": lambda c: {"attn_config": {k: v for k, v in c["attn_config"].items() if k == "clip_qkv"}},
    "nemotron": lambda c: {"head_dim": None, "num_attention_heads": 4, "num_key_value_heads": 2, "hidden_size": 64},
    "olmo": lambda c: {"attention_bias": False},
    "phi": lambda c: (
        PLAIN_ROPE
        | {"intermediate_size": 4 * c["hidden_size"], "num_key_value_heads": c["num_attention_heads"]}
        | {"qk_layernorm": False, "tie_word_embeddings": False}
    ),
    "phi3": lambda c: {"partial_rotary_factor": 1.0, "rope_scaling": None, "pad_token_id": 2},
    "qwen2_moe": lambda c: {"norm_topk_prob": False, "decoder_sparse_step": 1, "mlp_only_layers": [], "qkv_bias": True},
    "qwen3": lambda c: {"attention_bias": False},
    "qwen3_moe": lambda c: (
        {"norm_topk_prob": True, "decoder_sparse_step": 1, "mlp_only_layers": []} | {"attention_bias": False}
    ),
    "smollm3": lambda c: {"num_hidden_layers": 4},  # of which one has no rotary positions
    "stablelm": lambda c: PLAIN_ROPE | {"qk_layernorm": False},
    "starcoder2": lambda c: {"sliding_window": None},
    "t5": lambda c: T5 if c["feed_forward_proj"].startswith("gated") else T5 | {"feed_forward_proj": "relu"},
    "umt5": lambda c: T5,
}


def settings(rng, family):
    config, length = random_settings(rng, model_type=family, rope_kind="default")
    for key in UNSAID:
        config.pop(key, None)
    config |= {"bos_token_id": 0, "eos_token_id": 1} | GRANTED.get(family, lambda c: {})(config)
    return {key: value for key, value in config.items() if value is not None or key == "sliding_window"}, min(
        length, 60
    )


def name_as_the_hub(path):
    """What transformers 5.23 writes otherwise than published files have it."""
    config = json.loads(path.read_text())
    family = config["model_type"]
    if family == "falcon" and not config["new_decoder_architecture"]:
        config["num_kv_heads"] = 1  # which the conversion needs, and multi_query says
    if family == "gpt_neox":
        config["rotary_pct"] = config["rope_parameters"]["partial_rotary_factor"]
    if family == "mpt":
        config["architectures"] = ["MPTForCausalLM"]
    path.write_text(json.dumps(config))


def add_merge(path):
    """One: the format has no type for a list without members."""
    tokenizer = json.loads(path.read_text())
    pair = next(token for token in tokenizer["model"]["vocab"] if len(token) == 2)
    tokenizer["model"]["merges"] = [list(pair)]
    path.write_text(json.dumps(tokenizer))


def convert(folder, out):
    add_merge(folder / "tokenizer.json")
    program = [sys.executable, Path(__file__).parent / "run_converter.py", LLAMA_CPP, folder, out]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]


def tokens(model, ids):
    call = [
        CLI,
        "generate",
        model,
        "--ids",
        ",".join(map(str, ids)),
        "--no-sample",
        "--bits",
        "32",
        "--max-tokens",
        "64",
    ]
    done = subprocess.run([*map(str, call), "--json", "--ignore-eos"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["token_ids"]


WITH_LLAMA_CPP = pytest.mark.skipif(LLAMA_CPP is None, reason="SKALD_LLAMA_CPP names no source of llama.cpp")


@WITH_LLAMA_CPP
@pytest.mark.parametrize("case", range(2))
@pytest.mark.parametrize("family", FAMILIES)
def test_tokens_of_a_converted_model(family, case, tmp_path):
    rng = random.Random(f"{family} {case} {SEED}")
    config, length = settings(rng, family)
    folder = tmp_path / "model"
    make_model(rng, config).save_pretrained(folder)  # under the names that the hub has
    name_as_the_hub(folder / "config.json")
    # Of some models the class adds tokens of its own; of Gemma 3 rows of no token are left out.
    save_tokenizer(rng, config["vocab_size"] - (0 if family == "gemma3_text" else 8), folder)
    convert(folder, tmp_path / "model.gguf")
    ids = [rng.randrange(config["vocab_size"]) for _ in range(length)]
    assert tokens(tmp_path / "model.gguf", ids) == tokens(folder, ids)


@WITH_LLAMA_CPP
@pytest.mark.parametrize("family", ["BaichuanForCausalLM", "ExaoneForCausalLM", "InternLM2ForCausalLM"])
def test_tokens_of_a_renamed_model(family, tmp_path):
    """Of which transformers has no class."""
    rng = random.Random(f"{family} {SEED}")
    name = family.removesuffix("ForCausalLM").lower()
    folder = Path(shutil.copytree(ROOT / "tests" / "data" / "models" / f"{name}_renamed", tmp_path / "model"))
    config = json.loads((folder / "config.json").read_text()) | {"architectures": [family]}
    if name in ("baichuan", "exaone"):  # whose kinds are not in files, or not read without a class
        config |= {"rope_scaling": None, "max_position_embeddings": 400}
    (folder / "config.json").write_text(json.dumps(config | {"activation_function": "silu"}))
    save_tokenizer(rng, config["vocab_size"] - 8, folder)
    convert(folder, tmp_path / "model.gguf")
    ids = [rng.randrange(config["vocab_size"]) for _ in range(50)]
    assert tokens(tmp_path / "model.gguf", ids) == tokens(folder, ids)
