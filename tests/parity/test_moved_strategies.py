"""Strategies that transformers 5 moved out, against 4.49 : contrastive search, DoLa, group and constrained beams.

pip install --target FOLDER transformers==4.49.0
SKALD_TRANSFORMERS_449=FOLDER ./dev test --parity -k moved
"""

import json
import math
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
    prompt = ["--ids", ",".join(map(str, call["prompt"]))]
    if isinstance(call["prompt"][0], list):
        batch = tmp_path / "batch.jsonl"
        batch.write_text("".join(json.dumps(ids) + "\n" for ids in call["prompt"]))
        prompt = ["--batch-file", batch]
    done = subprocess.run(
        [command, "generate", call["folder"], *prompt, "--config", config, "--bits", "32", "--json"],
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


def test_dola_of_a_batch(tmp_path):
    """All rows have one layer, and see their pads."""
    rng = random.Random(SEED)
    calls = []
    for folder, config in checkpoints(tmp_path, 18_000_000):
        vocab = config["vocab_size"]
        n = rng.randint(2, 12)
        options = {
            "dola_layers": "high",
            "max_new_tokens": n,
            "min_new_tokens": n,  # a row of the reference that has ended goes on voting, with pads
            "do_sample": False,
            "profile": "hf4",
            "eos_token_id": [1],
        }
        prompts = [rng.choices(range(2, vocab - 1), k=rng.randint(1, 20)) for _ in range(3)]
        calls.append({"folder": folder, "prompt": prompts, "options": options})
    theirs = [call | {"options": {k: v for k, v in call["options"].items() if k != "profile"}} for call in calls]
    different = []
    for call, expected in zip(calls, reference(theirs), strict=True):
        got = [c["token_ids"] for c in ours(call, tmp_path)]
        if got != expected["sequences"]:
            different.append((call, got, expected["sequences"]))
    assert not different, different[0]


def compare_beams(calls, tmp_path):
    """Tokens and scores of every returned sequence; where a decision hangs on rounding, equal scores once in fifty."""
    n_close = 0
    for call, expected in zip(calls, reference(calls), strict=True):
        eos = call["options"]["eos_token_id"]
        got = ours(call, tmp_path)
        tokens = [cut_padding(t, eos, call["options"]["pad_token_id"]) for t in expected["sequences"]]
        assert len(got) == len(tokens)
        if [c["token_ids"] for c in got] != tokens:
            n_close += 1
            assert expected["scores"], (call, got, tokens)
        for completion, score in zip(got, expected["scores"] or [], strict=bool(expected["scores"])):
            found = -math.inf if completion["score"] is None else completion["score"]
            assert found == pytest.approx(score, rel=1e-4, abs=1e-4), (call, got, expected)
    assert n_close <= max(1, len(calls) // 50)


def cut_padding(tokens, eos, pad):
    """Without what fills the row; a constraint may have put an end token into the middle."""
    while tokens and tokens[-1] == pad:
        tokens = tokens[:-1]
    return tokens


def beam_options(rng, vocab, beams):
    options = {
        "num_beams": beams,
        "num_return_sequences": rng.randint(1, beams),
        "max_new_tokens": rng.randint(1, 30),
        "do_sample": False,
    } | some_processors(rng, vocab - 1)
    options["pad_token_id"] = vocab - 1
    options["suppress_tokens"] = options.get("suppress_tokens", []) + [vocab - 1]
    if rng.random() < 0.6:
        options["length_penalty"] = rng.choice([-1.0, 0.0, 0.5, 2.0])
    if rng.random() < 0.6:
        options["early_stopping"] = rng.choice([True, False, "never"])
    return options


def test_group_beam_search(tmp_path):
    rng = random.Random(SEED)
    calls = []
    for folder, config in checkpoints(tmp_path, 13_000_000):
        for _ in range(CALLS_EACH):
            vocab = config["vocab_size"]
            groups, size = rng.choice([(2, 1), (2, 2), (2, 3), (3, 1), (3, 2), (4, 2)])
            options = beam_options(rng, vocab, groups * size) | {
                "num_beam_groups": groups,
                "diversity_penalty": rng.choice([0.3, 1.0, 5.0]),
            }
            calls.append(
                {"folder": folder, "prompt": rng.choices(range(vocab), k=rng.randint(1, 40)), "options": options}
            )
    compare_beams(calls, tmp_path)


def some_words(rng, vocab):
    """Phrases, and lists of alternatives of which none begins another; from few tokens, so that they overlap."""
    few = rng.sample(range(vocab - 1), 6)

    def phrase():
        return rng.choices(few, k=rng.randint(1, 4))

    words = []
    for _ in range(rng.randint(1, 3)):
        if rng.random() < 0.5:
            words.append(phrase())
            continue
        alternatives = []
        for new in (phrase() for _ in range(rng.randint(1, 5))):
            if not any(a[: len(new)] == new[: len(a)] for a in alternatives):
                alternatives.append(new)
        words.append(alternatives)
    return words


def test_constrained_beam_search(tmp_path):
    rng = random.Random(SEED)
    calls = []
    for folder, config in checkpoints(tmp_path, 14_000_000):
        for _ in range(CALLS_EACH):
            vocab = config["vocab_size"]
            options = beam_options(rng, vocab, rng.randint(2, 6))
            options["max_new_tokens"] = max(4, options["max_new_tokens"])  # a word has four tokens at most
            options["force_words_ids"] = some_words(rng, vocab)
            calls.append(
                {"folder": folder, "prompt": rng.choices(range(vocab), k=rng.randint(1, 40)), "options": options}
            )
    compare_beams(calls, tmp_path)
