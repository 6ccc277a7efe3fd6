"""Writes tests/data/decode/processors.json: what transformers' own logits processors make of random logits.

    python tests/decode/make_processor_goldens.py

Made with transformers 5.23. Logits are multiples of 1/8, so that ties are common.
"""

import json
import pathlib
import random

import torch
from transformers import (
    EncoderNoRepeatNGramLogitsProcessor,
    EncoderRepetitionPenaltyLogitsProcessor,
    EpsilonLogitsWarper,
    EtaLogitsWarper,
    ExponentialDecayLengthPenalty,
    InfNanRemoveLogitsProcessor,
    LogitsProcessorList,
    MinLengthLogitsProcessor,
    MinNewTokensLengthLogitsProcessor,
    MinPLogitsWarper,
    NoBadWordsLogitsProcessor,
    NoRepeatNGramLogitsProcessor,
    RepetitionPenaltyLogitsProcessor,
    SequenceBiasLogitsProcessor,
    SuppressTokensAtBeginLogitsProcessor,
    SuppressTokensLogitsProcessor,
    TemperatureLogitsWarper,
    TopHLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
    TypicalLogitsWarper,
)

VOCAB = 48
OUT = pathlib.Path(__file__).parent.parent / "data" / "decode" / "processors.json"


def processors(options: dict, prompt: list[int]) -> LogitsProcessorList:
    """In the order of GenerationMixin._get_logits_processor."""
    eos = options.get("eos_token_id")
    encoder = torch.tensor([prompt])
    makers = {
        "sequence_bias": SequenceBiasLogitsProcessor,
        "encoder_repetition_penalty": lambda r: EncoderRepetitionPenaltyLogitsProcessor(r, encoder),
        "repetition_penalty": RepetitionPenaltyLogitsProcessor,
        "no_repeat_ngram_size": NoRepeatNGramLogitsProcessor,
        "encoder_no_repeat_ngram_size": lambda n: EncoderNoRepeatNGramLogitsProcessor(n, encoder),
        "bad_words_ids": lambda words: NoBadWordsLogitsProcessor(words, eos),
        "min_length": lambda n: MinLengthLogitsProcessor(n, eos),
        "min_new_tokens": lambda n: MinNewTokensLengthLogitsProcessor(len(prompt), n, eos),
        "remove_invalid_values": lambda _: InfNanRemoveLogitsProcessor(),
        "exponential_decay_length_penalty": lambda d: ExponentialDecayLengthPenalty(tuple(d), eos, len(prompt)),
        "suppress_tokens": SuppressTokensLogitsProcessor,
        "begin_suppress_tokens": lambda ids: SuppressTokensAtBeginLogitsProcessor(ids, len(prompt)),
        "temperature": TemperatureLogitsWarper,
        "top_h": TopHLogitsWarper,
        "top_k": TopKLogitsWarper,
        "top_p": TopPLogitsWarper,
        "min_p": MinPLogitsWarper,
        "typical_p": TypicalLogitsWarper,
        "epsilon_cutoff": EpsilonLogitsWarper,
        "eta_cutoff": EtaLogitsWarper,
    }
    return LogitsProcessorList([make(options[name]) for name, make in makers.items() if name in options])


def random_words(rng: random.Random, history: list[int]) -> list[list[int]]:
    """Sequences of tokens; some are about to be completed."""
    words = [[rng.randrange(VOCAB)] for _ in range(rng.randint(0, 3))]
    words += [[rng.randrange(VOCAB) for _ in range(rng.randint(2, 4))] for _ in range(rng.randint(0, 3))]
    words += [history[-n:] + [rng.randrange(VOCAB)] for n in (1, 2, 3) if len(history) >= n and rng.random() < 0.6]
    return [list(word) for word in {tuple(word) for word in words}] or [[rng.randrange(VOCAB)]]


def random_options(rng: random.Random, prompt: list[int], history: list[int]) -> dict:
    def ids(n):
        return rng.sample(range(VOCAB), n)

    draws = {
        "temperature": lambda: rng.choice([0.3, 0.5, 0.7, 1.3, 2.0]),
        "top_k": lambda: rng.choice([1, 2, 5, 10, 40, 48, 100]),
        "top_p": lambda: rng.choice([0.05, 0.3, 0.5, 0.8, 0.9, 0.95, 0.999]),
        "min_p": lambda: rng.choice([0.0, 0.02, 0.1, 0.5, 1.0]),
        "repetition_penalty": lambda: rng.choice([0.8, 1.1, 1.5, 3.0]),
        "encoder_repetition_penalty": lambda: rng.choice([0.7, 1.2, 2.5]),
        "no_repeat_ngram_size": lambda: rng.randint(1, 4),
        "encoder_no_repeat_ngram_size": lambda: rng.randint(1, 4),
        "bad_words_ids": lambda: random_words(rng, history),
        "sequence_bias": lambda: [[word, rng.choice([-8.5, -1.25, 2.0, 6.0])] for word in random_words(rng, history)],
        "suppress_tokens": lambda: ids(rng.randint(1, 6)),
        "begin_suppress_tokens": lambda: ids(rng.randint(1, 6)),
        "exponential_decay_length_penalty": lambda: [rng.randint(0, 4), rng.choice([0.9, 1.05, 1.5])],
        "remove_invalid_values": lambda: True,
        "typical_p": lambda: rng.choice([0.1, 0.4, 0.8, 0.95]),
        "epsilon_cutoff": lambda: rng.choice([0.001, 0.01, 0.05, 0.3]),
        "eta_cutoff": lambda: rng.choice([0.001, 0.01, 0.05, 0.3]),
        "top_h": lambda: rng.choice([0.1, 0.4, 0.8]),
    }
    chosen = rng.sample(sorted(draws), rng.randint(1, 5))
    options = {name: draws[name]() for name in chosen}
    length = rng.random()
    if length < 0.2:
        options["min_length"] = len(prompt) + rng.randint(0, 8)
    elif length < 0.4:
        options["min_new_tokens"] = rng.randint(1, 8)
    if any(name in options for name in ("min_length", "min_new_tokens", "exponential_decay_length_penalty")):
        options["eos_token_id"] = ids(2)
    return options


def make_case(rng: random.Random, tied: bool) -> dict:
    some = rng.sample(range(VOCAB), rng.choice([3, 8, VOCAB]))  # few different tokens repeat themselves
    prompt = rng.choices(some, k=rng.randint(1, 12))
    history = prompt + rng.choices(some, k=rng.randint(0, 8))
    options = random_options(rng, prompt, history)
    span = 16 if tied else 80
    logits = [rng.randint(-span, span) / 8 for _ in range(VOCAB)]
    if not tied:
        logits = [float(torch.tensor(value + rng.random(), dtype=torch.float32)) for value in logits]
    try:
        scores = processors(options, prompt)(torch.tensor([history]), torch.tensor([logits]))[0]
    except ValueError:  # a distribution without a token left
        return make_case(rng, tied)
    if scores.isnan().any() or scores.max().isinf():
        return make_case(rng, tied)
    return {
        "options": options,
        "prompt_length": len(prompt),
        "history": history,
        "logits": logits,
        "scores": [None if value == float("-inf") else value for value in scores.tolist()],
    }


def main() -> None:
    rng = random.Random(1)
    cases = [make_case(rng, tied=i % 2 == 0) for i in range(220)]
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")


if __name__ == "__main__":
    main()
