"""Files of generation settings go both ways: what transformers saves loads here, and what is saved here loads there,
with every value as it was.

    ./dev test --parity -k generation_config

SKALD_CONFIG_CASES (300) files of drawn fields; SKALD_PARITY_SEED repeats a run, else the seed is fresh; it is printed.
"""

import ast
import json
import os
import random
import subprocess
from dataclasses import asdict, is_dataclass
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers", minversion="5.0")

ROOT = Path(__file__).resolve().parents[2]
N_CASES = int(os.environ.get("SKALD_CONFIG_CASES", "300"))
SEED = int(os.environ.get("SKALD_PARITY_SEED") or random.SystemRandom().randrange(10**9))


def ids(rng, most=4):
    return [rng.randrange(1, 50000) for _ in range(rng.randint(1, most))]


def watermark(rng):
    if rng.random() < 0.5:
        return transformers.WatermarkingConfig(
            greenlist_ratio=rng.choice([0.25, 0.5]),
            bias=rng.choice([2.0, 3.5]),
            hashing_key=rng.randrange(1, 2**31),
            seeding_scheme=rng.choice(["lefthash", "selfhash"]),
            context_width=rng.randint(1, 4),
        )
    return transformers.SynthIDTextWatermarkingConfig(
        ngram_len=rng.randint(2, 5), keys=rng.sample(range(10**6), 5), context_history_size=rng.choice([512, 1024])
    )


def dola_layers(rng):
    return rng.choice(["low", "high", sorted(rng.sample(range(12), 3))])


def forced_words(rng):
    return [rng.choice([ids(rng), [[i, *ids(rng, 2)] for i in rng.sample(range(1000), 2)]]) for _ in range(2)]


def biases(rng):
    """As lists, and as transformers' own form, whose keys are tuples."""
    found = {tuple(ids(rng)): rng.choice([-1.5, 2.0, -100.0, float("-inf")]) for _ in range(3)}
    return found if rng.random() < 0.5 else [[list(key), bias] for key, bias in found.items()]


def number(*choices):
    return lambda rng: rng.choice(choices)


def count(low, high):
    return lambda rng: rng.randint(low, high)


FIELDS = {
    "max_length": count(1, 4096),
    "max_new_tokens": count(1, 4096),
    "min_length": count(0, 100),
    "min_new_tokens": count(0, 100),
    "early_stopping": number(True, False, "never"),
    "max_time": number(0.5, 3.25),
    "stop_strings": lambda rng: rng.choice(["stop", ["\n\n", "</s>", "ä \u2028"]]),
    "do_sample": number(True, False),
    "num_beams": count(1, 8),
    "use_cache": number(True, False),
    "cache_implementation": number("static", "dynamic", "quantized"),
    "cache_config": lambda rng: {"backend": "quanto", "nbits": 4},
    "max_cache_len": count(1, 4096),
    "prefill_chunk_size": count(1, 512),
    "temperature": number(0.1, 0.7, 1.5, 3),
    "top_k": count(0, 100),
    "top_p": number(0.5, 0.9, 1.0),
    "top_h": number(0.2, 0.9),
    "min_p": number(0.05, 0.5),
    "typical_p": number(0.2, 0.95),
    "epsilon_cutoff": number(0.0003, 0.01),
    "eta_cutoff": number(0.0003, 0.01),
    "repetition_penalty": number(0.8, 1.1, 2.0),
    "encoder_repetition_penalty": number(0.8, 1.5),
    "length_penalty": number(-1.0, 0.5, 2.0),
    "no_repeat_ngram_size": count(1, 5),
    "encoder_no_repeat_ngram_size": count(1, 5),
    "bad_words_ids": lambda rng: [ids(rng), ids(rng)],
    "force_words_ids": forced_words,
    "renormalize_logits": number(True, False),
    "forced_bos_token_id": count(0, 50000),
    "forced_eos_token_id": lambda rng: rng.choice([7, [7, 9]]),
    "remove_invalid_values": number(True, False),
    "exponential_decay_length_penalty": lambda rng: [rng.randint(1, 50), rng.choice([1.01, 1.5])],
    "suppress_tokens": ids,
    "begin_suppress_tokens": ids,
    "sequence_bias": biases,
    "guidance_scale": number(0.5, 1.0, 3.0),
    "watermarking_config": watermark,
    "num_return_sequences": count(1, 8),
    "output_attentions": number(True, False),
    "output_hidden_states": number(True, False),
    "output_scores": number(True, False),
    "output_logits": number(True, False),
    "return_dict_in_generate": number(True),
    "pad_token_id": count(0, 50000),
    "bos_token_id": count(0, 50000),
    "eos_token_id": lambda rng: rng.choice([2, [2, 50000]]),
    "decoder_start_token_id": count(0, 50000),
    "is_assistant": number(False),
    "num_assistant_tokens": count(1, 30),
    "num_assistant_tokens_schedule": number("constant", "heuristic", "heuristic_transient"),
    "assistant_confidence_threshold": number(0.0, 0.4, 0.9),
    "prompt_lookup_num_tokens": count(1, 20),
    "max_matching_ngram_size": count(1, 8),
    "assistant_early_exit": count(1, 8),
    "assistant_lookbehind": count(1, 20),
    "target_lookbehind": count(1, 20),
    "compile_config": lambda rng: transformers.CompileConfig(fullgraph=rng.random() < 0.5),
    "disable_compile": number(True, False),
    "low_memory": number(True, False),
    "penalty_alpha": number(0.2, 0.6),
    "dola_layers": dola_layers,
    "diversity_penalty": number(0.3, 1.0),
    "num_beam_groups": count(1, 4),
}
# Ours has nothing to say of them: how results are packed; the rest is refused where it is set.
NOT_SAVED = ("return_dict_in_generate", "transformers_version", "_from_model_config")
# What transformers cannot load, not even where it saved it itself.
NOT_LOADED = (transformers.SynthIDTextWatermarkingConfig, transformers.CompileConfig)
REFUSED = ("use_mtp", "speculation_type", "constraints")
UNSET = ("continuous_batching_config",)


def test_every_field_is_drawn():
    known = set(transformers.GenerationConfig().to_dict()) - {"transformers_version", "_from_model_config"}
    assert known - set(REFUSED) - set(UNSET) - set(FIELDS) == set()


def passed_through(files):
    """Loads and saves them here: [(file to load, folder to save in)]."""
    command = Path(os.environ.get("SKALD_CLI", ROOT / "build" / "release" / "cli" / "skald"))
    program = command.parents[1] / "tests" / "run_config"
    if not program.exists():
        pytest.skip(f"{program} is not built")
    paths = [path for pair in files for path in pair]
    done = subprocess.run([program, *paths], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def drawn_config(rng):
    """Fields that transformers takes together, and its object of them."""
    while True:
        names = rng.sample(sorted(FIELDS), rng.randint(1, 20))
        drawn = {name: FIELDS[name](rng) for name in names}
        try:
            return drawn, transformers.GenerationConfig(**drawn)
        except ValueError:
            continue


def plain(name, value):
    """A value as JSON has it; an infinite bias is 1.7e308 there."""
    if name == "sequence_bias" and isinstance(value, dict):
        value = [[list(ast.literal_eval(key) if isinstance(key, str) else key), bias] for key, bias in value.items()]
    if name == "sequence_bias":
        value = sorted([ids, float(torch.tensor(bias, dtype=torch.float32))] for ids, bias in value)
    if name in ("stop_strings", "forced_eos_token_id", "eos_token_id"):
        value = value if isinstance(value, list) else [value]
    if hasattr(value, "to_dict"):
        value = value.to_dict()
    elif is_dataclass(value):
        value = asdict(value)
    return json.loads(json.dumps(value))


def test_files_go_both_ways(tmp_path, capsys):
    with capsys.disabled():
        print(f"\n{N_CASES} files, SKALD_PARITY_SEED={SEED}", flush=True)
    rng = random.Random(SEED)
    transformers.logging.set_verbosity_error()
    cases = []
    for i in range(N_CASES):
        theirs, ours = tmp_path / f"{i}" / "theirs", tmp_path / f"{i}" / "ours"
        drawn, config = drawn_config(rng)
        theirs.mkdir(parents=True)
        whole = rng.random() < 0.3  # with all that is null
        config.to_json_file(theirs / "generation_config.json", use_diff=not whole)
        cases.append((drawn, theirs, ours))
    passed_through([(theirs, ours) for _, theirs, ours in cases])
    for drawn, _, ours in cases:
        saved = json.loads((ours / "generation_config.json").read_text())
        assert {name for name in saved if name not in drawn} <= {"transformers_version"}, (drawn, saved)
        for name in [name for name, value in drawn.items() if isinstance(value, NOT_LOADED)]:
            assert plain(name, drawn.pop(name)) == saved.pop(name)
        (ours / "generation_config.json").write_text(json.dumps(saved))
        found = transformers.GenerationConfig.from_pretrained(ours)
        for name, value in drawn.items():
            if name in NOT_SAVED:
                continue
            assert plain(name, getattr(found, name)) == plain(name, value), (name, drawn, saved)
