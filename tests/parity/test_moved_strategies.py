"""Strategies that transformers 5 moved out, against 4.49 : contrastive search and DoLa.

pip install --target FOLDER transformers==4.49.0
SKALD_TRANSFORMERS_449=FOLDER ./dev test --parity -k moved
"""

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "models"))

from random_checkpoint import random_case  # noqa: E402

N_FOLDERS = int(os.environ.get("SKALD_MOVED_CASES", "8"))
CALLS_EACH = 6
SEED = int(os.environ.get("SKALD_PARITY_SEED", "0"))


def reference(calls):
    """What 4.49 gives for every call."""
    folder = os.environ.get("SKALD_TRANSFORMERS_449")
    if not folder:
        pytest.skip("SKALD_TRANSFORMERS_449 names no folder with transformers 4.49")
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("reference_449.py")],
        input="".join(json.dumps(call) + "\n" for call in calls),
        env=os.environ | {"PYTHONPATH": folder},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def ours(call, tmp_path):
    command = Path(os.environ.get("SKALD_CLI", ROOT / "build" / "release" / "cli" / "skald"))
    if not command.exists():
        pytest.skip(f"{command} is not built")
    config = tmp_path / "options.json"
    config.write_text(json.dumps(call["options"]))
    ids = ",".join(map(str, call["prompt"]))
    done = subprocess.run(
        [command, "generate", call["folder"], "--ids", ids, "--config", config, "--bits", "32", "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, (call, done.stderr)
    return [json.loads(line) for line in done.stdout.splitlines()]


def checkpoints(tmp_path, offset):
    """Random tiny models and their configs."""
    for i in range(N_FOLDERS):
        folder = tmp_path / f"{i:03d}"
        random_case(folder, offset + 100_000 * SEED + 1000 * i, model_type="llama", rope_kind="default")
        yield str(folder), json.loads((folder / "config.json").read_text())


def cut_at_eos(tokens, eos):
    ends = [i for i, token in enumerate(tokens) if token in eos]
    return tokens[: ends[0] + 1] if ends else tokens


def some_processors(rng, vocab):
    options = {"eos_token_id": rng.sample(range(vocab), rng.choice([1, 6]))}  # else 4.49 takes its class's default
    if rng.random() < 0.3:
        options["repetition_penalty"] = rng.choice([0.9, 1.3])
    if rng.random() < 0.3:
        options["no_repeat_ngram_size"] = rng.randint(2, 3)
    if rng.random() < 0.3:
        options["suppress_tokens"] = rng.sample(range(vocab), 4)
    return options


def compare(calls, tmp_path):
    """Every call's tokens; a reference's decision that hangs on rounding may differ once in fifty."""
    different = []
    for call, expected in zip(calls, reference(calls), strict=True):
        eos = call["options"]["eos_token_id"]
        got = [c["token_ids"] for c in ours(call, tmp_path)]
        if got != [cut_at_eos(tokens, eos) for tokens in expected["sequences"]]:
            different.append((call["options"], got, expected["sequences"]))
    assert len(different) <= len(calls) // 50, different[0]


def test_contrastive_search(tmp_path):
    rng = random.Random(SEED)
    calls = []
    for folder, config in checkpoints(tmp_path, 11_000_000):
        for _ in range(CALLS_EACH):
            vocab = config["vocab_size"]
            options = {
                "penalty_alpha": rng.choice([0.1, 0.4, 0.6, 0.9]),
                "top_k": rng.randint(2, 8),
                "max_new_tokens": rng.randint(1, 30),
                "do_sample": False,
            } | some_processors(rng, vocab)
            calls.append(
                {"folder": folder, "prompt": rng.choices(range(vocab), k=rng.randint(1, 40)), "options": options}
            )
    compare(calls, tmp_path)


def test_dola(tmp_path):
    rng = random.Random(SEED)
    calls = []
    for folder, config in checkpoints(tmp_path, 12_000_000):
        for _ in range(CALLS_EACH):
            vocab, layers = config["vocab_size"], config["num_hidden_layers"]
            choices = ["low", "high", sorted(rng.sample(range(layers), rng.randint(1, layers)))]
            if config["tie_word_embeddings"] and layers == 3:
                choices.remove("low")  # no layer is left: refused, where the reference fails
            options = {
                "dola_layers": rng.choice(choices),
                "max_new_tokens": rng.randint(1, 30),
                "do_sample": False,
            } | some_processors(rng, vocab)
            calls.append(
                {"folder": folder, "prompt": rng.choices(range(vocab), k=rng.randint(1, 40)), "options": options}
            )
    compare(calls, tmp_path)
