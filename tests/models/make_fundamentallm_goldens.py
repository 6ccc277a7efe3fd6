"""Makes the FundamentaLLM cases of tests/data/models: folders as its own tools leave them, with checkpoints, and with
weights as safetensors.

python tests/models/make_fundamentallm_goldens.py [folder]

The forward pass is written down here from the description of the format: there is no transformers class for it.
"""

import json
import math
import random
import sys
from functools import partial
from pathlib import Path

import torch
from safetensors.torch import save_file

CHARACTERS = sorted(set("\n !',.?abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZé日"))
SPECIAL = ["<PAD>", "<UNK>", "<BOS>", "<EOS>"]
VOCAB = len(SPECIAL) + len(CHARACTERS)
SETTINGS = {"vocab_size": VOCAB, "d_model": 48, "num_heads": 4, "num_layers": 2, "sequence_length": 128, "dropout": 0.1}


def sinusoids(length, width):
    position = torch.arange(length).unsqueeze(1)
    frequency = torch.exp(torch.arange(0, width, 2) * (-math.log(10000.0) / width))
    table = torch.zeros(length, width)
    table[:, 0::2] = torch.sin(position * frequency)
    table[:, 1::2] = torch.cos(position * frequency)
    return table


def random_weights(settings, generator):
    def normal(*shape, scale=1.0):
        return scale * torch.randn(shape, generator=generator)

    width, inner = settings["d_model"], settings["d_model"] * settings.get("ffn_expansion", 4)
    length = settings["sequence_length"]
    weights = {
        "token_embedding.weight": normal(VOCAB, width, scale=0.25),
        "output_norm.weight": 1 + normal(width, scale=0.4),
    }
    if settings.get("pos_encoding") == "sinusoidal":
        weights["positional_encoding.pe"] = sinusoids(length, width)
    else:
        weights["positional_encoding.embeddings.weight"] = normal(length, width, scale=2)
    for i in range(settings["num_layers"]):
        p = f"blocks.{i}."
        for name in ("norm1", "norm2"):
            weights[p + name + ".weight"] = 1 + normal(width, scale=0.4)
        for name in ("q", "k", "v", "o"):
            weights[p + f"attention.W_{name}.weight"] = normal(width, width, scale=2 / math.sqrt(width))
            weights[p + f"attention.W_{name}.bias"] = normal(width, scale=0.5)
        weights[p + "ffn.linear1.weight"] = normal(inner, width, scale=1.3 / math.sqrt(width))
        weights[p + "ffn.linear1.bias"] = normal(inner, scale=0.5)
        weights[p + "ffn.linear2.weight"] = normal(width, inner, scale=1.3 / math.sqrt(inner))
        weights[p + "ffn.linear2.bias"] = normal(width, scale=0.5)
    return weights


def enliven(weights):
    """Sinusoids hardly change from one position to the next: what is the same everywhere is made small."""
    frequency = sinusoids(2, weights["output_norm.weight"].shape[0])[1, 0::2].asin()
    slow = torch.where(frequency > 0.1, 1.0, 0.02).repeat_interleave(2)
    for name, value in weights.items():
        if "norm" in name:
            value *= slow
        elif name.endswith("bias"):
            value *= 0.2
        elif "linear1" in name:
            value *= 2
        elif "token_embedding" in name:
            value *= 0.5


def rms(x, gain):
    return x / torch.sqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * gain


def forward(settings, weights, ids):
    """Logits [n, vocab]."""
    n, heads = len(ids), settings["num_heads"]

    def linear(x, name):
        return x @ weights[name + ".weight"].T + weights[name + ".bias"]

    def split(x):
        return x.view(n, heads, -1).transpose(0, 1)

    table = weights.get("positional_encoding.pe", weights.get("positional_encoding.embeddings.weight"))
    x = weights["token_embedding.weight"][ids] + table[:n]
    later = torch.ones(n, n).triu(1).bool()
    for i in range(settings["num_layers"]):
        p = f"blocks.{i}."
        h = rms(x, weights[p + "norm1.weight"])
        q, k, v = (split(linear(h, p + f"attention.W_{name}")) for name in "qkv")
        scores = (q @ k.transpose(1, 2) / math.sqrt(q.shape[-1])).masked_fill(later, -math.inf)
        attended = (scores.softmax(-1) @ v).transpose(0, 1).reshape(n, -1)
        x = x + linear(attended, p + "attention.W_o")
        h = rms(x, weights[p + "norm2.weight"])
        x = x + linear(torch.nn.functional.gelu(linear(h, p + "ffn.linear1")), p + "ffn.linear2")
    return rms(x, weights["output_norm.weight"]) @ weights["token_embedding.weight"].T


def save_checkpoint(path, weights, **more):
    """As its trainer does: the two ends of the model are one tensor, training goes on from here."""
    state = dict(weights)
    state["output_proj.weight"] = state["token_embedding.weight"]
    optimizer = {
        "state": {0: {"step": torch.tensor(7.0), "exp_avg": torch.zeros(2, 3)}},
        "param_groups": [{"lr": 1e-3}],
    }
    metrics = {"val_loss": 1.25}
    torch.save(
        {"model_state": state, "optimizer_state": optimizer, "epoch": 2, "step": 7, "metrics": metrics} | more, path
    )


def make_case(folder, settings, seed, save=None):
    """Tries seeds until the greedy text varies and every decision is clear. 72 tokens, up to the last position. Returns
    whether one was found."""
    for attempt in range(seed, seed + 100):
        generator = torch.Generator().manual_seed(attempt)
        weights = random_weights(settings, generator)
        if "positional_encoding.pe" in weights:
            enliven(weights)
        length = settings["sequence_length"]
        ids = torch.randint(len(SPECIAL), VOCAB, (length - 72,), generator=generator).tolist()
        prompt = list(ids)
        while len(ids) < length:
            ids.append(int(forward(settings, weights, ids)[-1].argmax()))
        logits = forward(settings, weights, ids)
        best = logits[len(prompt) - 1 : -1].topk(2).values
        clear = (best[:, 0] - best[:, 1]).min() > 5e-4 * logits.abs().max()
        if clear and len(set(ids[len(prompt) :])) > 0.3 * 72:
            break
    else:
        return False
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = {token: i for i, token in enumerate(SPECIAL + CHARACTERS)}
    tokenizer = {"min_frequency": 1, "char_to_id": vocabulary, "special_tokens": SPECIAL}
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer, ensure_ascii=False) + "\n")
    if save:
        save(weights)
    else:
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    rows = list(range(0, length, 5))
    expected = {
        "prompt": torch.tensor(prompt, dtype=torch.int32),
        "greedy": torch.tensor(ids[len(prompt) :], dtype=torch.int32),
        "rows": torch.tensor(rows, dtype=torch.int32),
        "logits": logits[rows].contiguous(),
    }
    save_file(expected, folder / "expected.safetensors")
    return True


def save_yaml(path, settings):
    path.write_text("".join(f"{key}: {value}\n" for key, value in sorted(settings.items())))


def random_fundamentallm(folder, seed):
    """A case with settings drawn from `seed`, in one of the four forms that such models are kept in."""
    rng = random.Random(seed)
    while True:
        heads = rng.choice([1, 2, 3, 4])
        settings = {"vocab_size": VOCAB, "d_model": heads * rng.choice([12, 16, 20]), "num_heads": heads}
        settings |= {"num_layers": rng.choice([1, 2, 3]), "sequence_length": rng.choice([90, 128, 340])}
        settings |= rng.choice([{}, {"ffn_expansion": 2}, {"ffn_expansion": 3}])
        settings |= rng.choice([{}, {"pos_encoding": "learned"}, {"pos_encoding": "sinusoidal"}])
        form = rng.choice(["final_model.pt", "best.pt", "model.yaml", "config.json"])
        training = {"learning_rate": 3e-4, "checkpoint_dir": Path("runs/1")}
        inside = {"model_config": settings, "training_config": training} if form == "final_model.pt" else {}
        save = partial(save_checkpoint, folder / form, **inside) if form.endswith(".pt") else None
        if make_case(folder, settings, seed, save):
            break
    alias = rng.choice([{}, {"d_model": "hidden_dim"}, {"d_model": "model_dim", "sequence_length": "max_seq_len"}])
    settings = {alias.get(key, key): value for key, value in settings.items()}
    if form == "config.json":
        (folder / form).write_text(json.dumps({"model_type": "fundamentallm"} | settings, indent=1) + "\n")
    elif form != "final_model.pt":
        save_yaml(folder / "model.yaml", settings)


def make_golden(folder, *arguments):
    if not make_case(folder, *arguments):
        sys.exit(f"{folder.name}: no lively checkpoint; change its settings")


def main():
    default = Path(__file__).resolve().parent.parent / "data" / "models"
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else default
    torch.set_num_threads(1)
    learned = folder / "fundamentallm_learned"
    make_golden(learned, SETTINGS, 0)
    lines = [f"{key}: {value}" for key, value in sorted(SETTINGS.items())]
    (learned / "model.yaml").write_text("# as saved beside a checkpoint\n" + "\n".join(lines) + "\n")
    sinusoidal = folder / "fundamentallm_sinusoidal"
    settings = SETTINGS | {"num_heads": 2, "ffn_expansion": 3, "pos_encoding": "sinusoidal"}
    make_golden(sinusoidal, settings, 100)
    (sinusoidal / "config.json").write_text(json.dumps({"model_type": "fundamentallm"} | settings, indent=1) + "\n")
    small = SETTINGS | {"d_model": 32}
    final = folder / "fundamentallm_final_model"
    training = {"checkpoint_dir": Path("runs/1"), "learning_rate": 3e-4, "device": "auto"}
    inside = {"model_config": small, "training_config": training}
    make_golden(final, small, 200, lambda weights: save_checkpoint(final / "final_model.pt", weights, **inside))
    best = folder / "fundamentallm_best"
    settings = small | {"pos_encoding": "sinusoidal", "d_model": 48, "num_layers": 1}
    make_golden(best, settings, 300, lambda weights: save_checkpoint(best / "best.pt", weights))
    save_yaml(best / "model.yaml", settings)


if __name__ == "__main__":
    main()
