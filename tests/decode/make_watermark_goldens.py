"""Writes tests/data/decode/watermarks.json: what transformers' watermarks make of random logits, and its detectors.

    python tests/decode/make_watermark_goldens.py

Made with transformers 5.23 and torch 2.13. A case is a run of several steps over one growing history.
"""

import json
import pathlib
import random

import numpy as np
import torch
from transformers import (
    PreTrainedConfig,
    SynthIDTextWatermarkingConfig,
    WatermarkDetector,
    WatermarkingConfig,
)

VOCAB = 60
OUT = pathlib.Path(__file__).parent.parent / "data" / "decode" / "watermarks.json"


def random_config(rng: random.Random, synthid: bool) -> dict:
    if synthid:
        return {
            "ngram_len": rng.randint(2, 5),
            "keys": [rng.randrange(1000) for _ in range(rng.choice([1, 3, 9]))],
            "context_history_size": rng.choice([1, 3, 1024]),
            "sampling_table_seed": rng.randrange(5),
            "sampling_table_size": rng.choice([65536, 1000]),
            "skip_first_ngram_calls": rng.random() < 0.3,
            "debug_mode": rng.random() < 0.1,
        }
    scheme = rng.choice(["lefthash", "selfhash"])
    return {
        "greenlist_ratio": rng.choice([0.25, 0.5, 0.1]),
        "bias": rng.choice([2.0, -1.5, 0.25]),
        "hashing_key": rng.choice([15485863, 7, 2**52 + 12345]),
        "seeding_scheme": scheme,
        "context_width": rng.randint(1, 4),
    }


def make_config(settings: dict):
    return SynthIDTextWatermarkingConfig(**settings) if "keys" in settings else WatermarkingConfig(**settings)


def make_case(rng: random.Random, synthid: bool) -> dict:
    settings = random_config(rng, synthid)
    processor = make_config(settings).construct_processor(VOCAB, "cpu")
    prompt = [rng.randrange(VOCAB) for _ in range(rng.randint(1, 4))]
    history, steps = list(prompt), []
    for _ in range(6):
        logits = [x / 100 for x in rng.sample(range(-900, 900), VOCAB)]  # no ties: selfhash tries the 40 best
        for token in rng.sample(range(VOCAB), rng.choice([0, 5, 40])):
            logits[token] = float("-inf")
        scores = processor(torch.tensor([history]), torch.tensor([logits]))[0]
        lowest = torch.finfo(torch.float32).min
        steps.append(
            {
                "logits": [None if x == float("-inf") else x for x in logits],
                "scores": [None if x in (float("-inf"), lowest) else x for x in scores.tolist()],
            }
        )
        history.append(rng.randrange(3))  # few tokens: contexts come again
    return {
        "config": settings,
        "prompt_length": len(prompt),
        "history": history[: len(prompt) + len(steps)],
        "steps": steps,
    }


def synthid_scores(settings: dict, ids: list[int], eos: int) -> dict:
    """mean_score and weighted_mean_score of SynthID-Text's own implementation, over transformers' g-values."""
    processor = make_config(settings).construct_processor(VOCAB, "cpu")
    row = torch.tensor([ids])
    mask = processor.compute_eos_token_mask(row, eos)[:, settings["ngram_len"] - 1 :]
    mask = (mask * processor.compute_context_repetition_mask(row)).numpy()[0]
    g = processor.compute_g_values(row).numpy()[0].astype(float)
    depth = g.shape[-1]
    weights = np.linspace(start=10, stop=1, num=depth)
    weights *= depth / weights.sum()
    n = int(mask.sum())
    if n == 0:
        return {"n_scored": 0}
    total = (g * mask[:, None]).sum()
    weighted = (g * weights * mask[:, None]).sum()
    return {"n_scored": n, "mean": total / (depth * n), "weighted_mean": weighted / (depth * n)}


def make_detection(rng: random.Random, synthid: bool) -> dict:
    settings = random_config(rng, synthid)
    ids = [rng.randrange(1, rng.choice([4, VOCAB])) for _ in range(rng.randint(12, 60))]
    case = {"config": settings, "ids": ids}
    if synthid:
        ids[-3] = 59
        score = synthid_scores(settings, ids, 59)
        return case | {"eos": 59, "score": score} if score["n_scored"] else make_detection(rng, synthid)
    if rng.random() < 0.5:
        ids[0] = 0
    model = PreTrainedConfig(bos_token_id=0)
    model.vocab_size = VOCAB
    once = rng.random() < 0.5
    out = WatermarkDetector(model, "cpu", settings, ignore_repeated_ngrams=once)(torch.tensor([ids]), return_dict=True)
    score = {
        "n_scored": int(out.num_tokens_scored[0]),
        "n_green": int(out.num_green_tokens[0]),
        "mean": float(out.green_fraction[0]),
        "z_score": float(out.z_score[0]),
        "p_value": float(out.p_value[0]),
        "watermarked": bool(out.prediction[0]),
    }
    return case | {"bos": 0, "once": once, "score": score}


def main() -> None:
    rng = random.Random(2)
    runs = [make_case(rng, synthid=i % 2 == 0) for i in range(24)]
    detections = [make_detection(rng, synthid=i % 2 == 0) for i in range(30)]

    def lines(name, cases):
        return f'"{name}": [\n' + ",\n".join(json.dumps(case) for case in cases) + "\n]"

    OUT.write_text("{" + lines("runs", runs) + ",\n" + lines("detections", detections) + "}\n")


if __name__ == "__main__":
    main()
