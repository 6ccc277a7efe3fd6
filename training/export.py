"""Writes a checkpoint as a Hugging Face folder that `transformers` and Skald load.

    python training/export.py --run RUN_DIR --tokenizer TOKENIZER_DIR --out models/skald-tales

Weights are bfloat16; the output matrix is the embedding and is not stored twice. The model card
(README.md) is not written here: card.py makes it from the evaluation.
"""

import argparse
import json
import shutil
from pathlib import Path

import torch
from data import END_OF_TEXT
from model import ModelConfig
from safetensors.torch import save_file
from tokenizer import IM_END, PAD
from torch import Tensor
from transformers import AutoTokenizer

TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja")

# Chosen by reading samples; see the model card.
SAMPLING = {
    "do_sample": True,
    "temperature": 0.7,
    "top_p": 0.9,
    "top_k": 0,
    "repetition_penalty": 1.1,
    "max_new_tokens": 400,
}


def special_ids(tokenizer_folder: Path) -> dict[str, int]:
    """Returns the ids of the end-of-text, end-of-turn and padding tokens."""
    tokenizer = AutoTokenizer.from_pretrained(tokenizer_folder)
    names = {"end": END_OF_TEXT, "turn": IM_END, "pad": PAD}
    return {key: tokenizer.convert_tokens_to_ids(name) for key, name in names.items()}


def model_json(config: ModelConfig, ids: dict[str, int]) -> dict[str, object]:
    """Returns config.json."""
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        **config.to_dict(),
        "hidden_act": "silu",
        "attention_bias": False,
        "mlp_bias": False,
        "attention_dropout": 0.0,
        "tie_word_embeddings": True,
        "rope_scaling": None,
        "initializer_range": 0.02,
        "use_cache": True,
        "torch_dtype": "bfloat16",
        "bos_token_id": None,
        "eos_token_id": ids["end"],
        "pad_token_id": ids["pad"],
    }


def generation_json(ids: dict[str, int]) -> dict[str, object]:
    """Returns generation_config.json; both end-of-text and end-of-turn stop a generation."""
    return {**SAMPLING, "eos_token_id": [ids["end"], ids["turn"]], "pad_token_id": ids["pad"]}


def export_weights(weights: dict[str, Tensor], path: Path) -> None:
    """Writes the weights as bfloat16 under the names of a Hugging Face Llama."""
    tensors = {f"model.{name}": w.to(torch.bfloat16).contiguous() for name, w in weights.items()}
    save_file(tensors, path, metadata={"format": "pt"})


def write_json(path: Path, value: dict[str, object]) -> None:
    """Writes indented JSON that ends with a line end."""
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def export(run: Path, tokenizer: Path, out: Path) -> None:
    """Writes the whole folder."""
    out.mkdir(parents=True, exist_ok=True)
    state = torch.load(run / "checkpoint.pt", weights_only=True)
    ids = special_ids(tokenizer)
    export_weights(state["model"], out / "model.safetensors")
    write_json(out / "config.json", model_json(ModelConfig(**state["config"]), ids))
    write_json(out / "generation_config.json", generation_json(ids))
    for name in TOKENIZER_FILES:
        shutil.copyfile(tokenizer / name, out / name)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, required=True, help="folder with checkpoint.pt")
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    export(args.run, args.tokenizer, args.out)
    size = (args.out / "model.safetensors").stat().st_size
    print(f"wrote {args.out}, weights {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
