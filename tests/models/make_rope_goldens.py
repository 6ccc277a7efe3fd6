"""Makes tests/data/models/rope.json: inverse frequencies and attention scaling of every rope type by transformers
(5.23).

python tests/models/make_rope_goldens.py
"""

import json
import random
from pathlib import Path

import torch
from families import rope_parameters
from transformers import LlamaConfig
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

TYPES = ["default", "linear", "dynamic", "yarn", "longrope", "llama3"]


def frequencies(config, kind, length):
    """As the first pass over `length` positions has them."""
    if kind == "default":
        return LlamaRotaryEmbedding.compute_default_rope_parameters(config)
    longer = {
        "dynamic": config.max_position_embeddings,
        "longrope": config.rope_parameters.get("original_max_position_embeddings", 0),
    }.get(kind)
    grown = torch.tensor(length) if kind == "dynamic" else length  # dynamic: the length is a tensor in the forward pass
    return ROPE_INIT_FUNCTIONS[kind](config, seq_len=grown if longer is not None and length > longer else None)


def main():
    rng = random.Random(1)
    cases = []
    for i in range(60):
        kind = TYPES[i % len(TYPES)]
        head_dim = rng.choice([8, 16, 64, 80, 128])
        original = rng.choice([32, 2048, 8192])
        settings = {
            "max_position_embeddings": original if kind == "dynamic" else 4 * original,
            "rope_theta": rng.choice([100.0, 10000.0, 500000.0, 1000000.0]),
        }
        if rope := rope_parameters(rng, kind, head_dim, original):
            settings["rope_scaling" if i % 2 else "rope_parameters"] = rope
        config = LlamaConfig(head_dim=head_dim, **json.loads(json.dumps(settings)))
        for length in (original // 2, original, original + 1, 3 * original + 5):
            inv_freq, scaling = frequencies(config, kind, length)
            cases.append(
                {
                    "config": settings,
                    "head_dim": head_dim,
                    "length": length,
                    "scaling": float(scaling),
                    "inv_freq": inv_freq.tolist(),
                }
            )
            if kind not in ("dynamic", "longrope"):
                break
    path = Path(__file__).resolve().parent.parent / "data" / "models" / "rope.json"
    path.write_text("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")
    print(len(cases), "cases,", path.stat().st_size // 1024, "KiB")


if __name__ == "__main__":
    main()
