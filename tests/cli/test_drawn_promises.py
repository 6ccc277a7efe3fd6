"""Drawn configurations on the shipped model: the answer is the same bit for bit, streamed or not, alone or in a batch,
on any number of threads, drafted or not.

SKALD_DRAWN_PROMISES (5) configurations of each strategy; SKALD_PARITY_SEED varies them.
"""

import json
import os
import random

import pytest
from conftest import run

N_CONFIGS = int(os.environ.get("SKALD_DRAWN_PROMISES", "5"))
SEED = int(os.environ.get("SKALD_PARITY_SEED", "0"))
PROMPTS = ["Once upon a time there was a king who", "The fox said", '"Where are you going, and why', "In the wood"]
OPTIONS = {
    "repetition_penalty": lambda rng: rng.choice([0.9, 1.2]),
    "encoder_repetition_penalty": lambda rng: 1.3,
    "frequency_penalty": lambda rng: 0.5,
    "presence_penalty": lambda rng: 0.5,
    "dry_multiplier": lambda rng: 0.8,
    "no_repeat_ngram_size": lambda rng: rng.randint(2, 4),
    "logit_bias": lambda rng: {"the": -2.0, "king": 3.0},
    "banned_strings": lambda rng: ["he", "ing "],
    "bad_words_ids": lambda rng: [[266], [19, 277]],
    "suppress_tokens": lambda rng: [266, 351],
    "stop_strings": lambda rng: rng.choice([["."], [", and", "?"]]),
    "min_new_tokens": lambda rng: 12,
    "exponential_decay_length_penalty": lambda rng: [6, 1.2],
    "forced_eos_token_id": lambda rng: 2,
    "renormalize_logits": lambda rng: True,
    "guidance_scale": lambda rng: 1.5,
    "watermarking_config": lambda rng: {"bias": 3.0, "seeding_scheme": "lefthash"},
}
SAMPLERS = {
    "temperature": lambda rng: rng.choice([0.7, 1.3]),
    "top_k": lambda rng: rng.randint(2, 60),
    "top_p": lambda rng: 0.9,
    "min_p": lambda rng: 0.05,
    "typical_p": lambda rng: 0.9,
    "eta_cutoff": lambda rng: 0.01,
    "top_n_sigma": lambda rng: 2.0,
    "xtc_probability": lambda rng: 0.5,
    "mirostat": lambda rng: rng.choice([1, 2]),
}
STRATEGIES = {
    "greedy": {"do_sample": False},
    "sampling": {"do_sample": True},
    "beams": {"do_sample": False, "num_beams": 3, "num_return_sequences": 2},
    "beam sampling": {"do_sample": True, "num_beams": 3},
    "contrastive": {"do_sample": False, "penalty_alpha": 0.5, "top_k": 4},
    "dola": {"do_sample": False, "dola_layers": "high"},
}


def drawn(strategy, rng):
    """Options of one call."""
    config = {"max_new_tokens": rng.randint(12, 30), "seed": rng.randrange(2**32), "repetition_penalty": 1.0}
    rows = OPTIONS | (SAMPLERS if STRATEGIES[strategy]["do_sample"] else {})
    config |= {name: draw(rng) for name, draw in rows.items() if rng.random() < 0.2}
    return config | STRATEGIES[strategy]


def answers(config, prompts, folder, *flags):
    """The lines of --json, in the order of the prompts: tokens, text, scores, log-probabilities."""
    (folder / "config.json").write_text(json.dumps(config | {"logprobs": 2}))
    (folder / "prompts.jsonl").write_text("".join(json.dumps(prompt) + "\n" for prompt in prompts))
    given = ("--config", folder / "config.json", "--batch-file", folder / "prompts.jsonl", "--quiet", "--json")
    result = run("generate", *given, *flags)
    assert result.code == 0, (config, result.err)
    same = ("token_ids", "text", "finish_reason", "score", "logprobs", "index")
    return [{name: line[name] for name in same if name in line} for line in result.lines]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_one_answer(strategy, model, tmp_path):
    rng = random.Random(f"{SEED} {strategy}")
    for _ in range(N_CONFIGS):
        config = drawn(strategy, rng)
        prompt = rng.choice(PROMPTS)
        alone = answers(config, [prompt], tmp_path)
        n = len(alone)
        others = rng.sample(PROMPTS, 2)
        beside = answers(config, [others[0], prompt, others[1]], tmp_path, "--threads", rng.choice(["1", "2"]))
        assert beside[n : 2 * n] == alone, config
        if strategy in ("greedy", "sampling"):
            drafted = {"prompt_lookup_num_tokens": rng.randint(1, 8), "max_matching_ngram_size": rng.randint(1, 3)}
            assert answers(config | drafted, [prompt], tmp_path) == alone, config
            assert answers(config, [prompt], tmp_path, "--draft-model", model) == alone, config
            assert answers(config | {"assistant_early_exit": 2}, [prompt], tmp_path) == alone, config
        if n == 1:
            (tmp_path / "config.json").write_text(json.dumps(config))
            streamed = run("generate", "--config", tmp_path / "config.json", "--prompt", prompt, "--quiet")
            assert streamed.out == alone[0]["text"] + "\n", config
