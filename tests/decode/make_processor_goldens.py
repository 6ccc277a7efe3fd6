"""Writes tests/data/decode/processors.json: what transformers' own logits processors make of random logits.

    python tests/decode/make_processor_goldens.py

Made with transformers 5.23. Logits are multiples of 1/8, so that ties are common.
"""

import json
import pathlib
import random

import torch
from transformers import (
    LogitsProcessorList,
    MinLengthLogitsProcessor,
    MinNewTokensLengthLogitsProcessor,
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

VOCAB = 48
OUT = pathlib.Path(__file__).parent.parent / "data" / "decode" / "processors.json"


def processors(options: dict, prompt_length: int) -> LogitsProcessorList:
    """In the order of GenerationMixin._get_logits_processor."""
    chain = LogitsProcessorList()
    eos = options.get("eos_token_id")
    if "repetition_penalty" in options:
        chain.append(RepetitionPenaltyLogitsProcessor(options["repetition_penalty"]))
    if "min_length" in options:
        chain.append(MinLengthLogitsProcessor(options["min_length"], eos))
    if "min_new_tokens" in options:
        chain.append(MinNewTokensLengthLogitsProcessor(prompt_length, options["min_new_tokens"], eos))
    if "temperature" in options:
        chain.append(TemperatureLogitsWarper(options["temperature"]))
    if "top_k" in options:
        chain.append(TopKLogitsWarper(options["top_k"]))
    if "top_p" in options:
        chain.append(TopPLogitsWarper(options["top_p"]))
    if "min_p" in options:
        chain.append(MinPLogitsWarper(options["min_p"]))
    return chain


def random_options(rng: random.Random, prompt_length: int) -> dict:
    options = {}
    if rng.random() < 0.5:
        options["temperature"] = rng.choice([0.3, 0.5, 0.7, 1.3, 2.0])
    if rng.random() < 0.5:
        options["top_k"] = rng.choice([1, 2, 5, 10, 40, 48, 100])
    if rng.random() < 0.5:
        options["top_p"] = rng.choice([0.05, 0.3, 0.5, 0.8, 0.9, 0.95, 0.999])
    if rng.random() < 0.5:
        options["min_p"] = rng.choice([0.0, 0.02, 0.1, 0.5, 1.0])
    if rng.random() < 0.5:
        options["repetition_penalty"] = rng.choice([0.8, 1.1, 1.5, 3.0])
    length = rng.random()
    if length < 0.25:
        options["min_length"] = prompt_length + rng.randint(0, 8)
    elif length < 0.5:
        options["min_new_tokens"] = rng.randint(1, 8)
    if "min_length" in options or "min_new_tokens" in options:
        options["eos_token_id"] = rng.sample(range(VOCAB), 2)
    return options


def make_case(rng: random.Random, tied: bool) -> dict:
    prompt_length = rng.randint(1, 10)
    history = [rng.randrange(VOCAB) for _ in range(prompt_length + rng.randint(0, 6))]
    options = random_options(rng, prompt_length)
    span = 16 if tied else 80
    logits = [rng.randint(-span, span) / 8 for _ in range(VOCAB)]
    if not tied:
        logits = [float(torch.tensor(value + rng.random(), dtype=torch.float32)) for value in logits]
    scores = processors(options, prompt_length)(torch.tensor([history]), torch.tensor([logits]))[0]
    return {
        "options": options,
        "prompt_length": prompt_length,
        "history": history,
        "logits": logits,
        "scores": [None if value == float("-inf") else value for value in scores.tolist()],
    }


def main() -> None:
    rng = random.Random(1)
    cases = [make_case(rng, tied=i % 2 == 0) for i in range(120)]
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")


if __name__ == "__main__":
    main()
