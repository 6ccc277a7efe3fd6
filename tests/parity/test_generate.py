"""`skald generate` on random tiny checkpoints gives the tokens that transformers' generate gives for the same call.

    ./dev test --parity -k generate      (SKALD_GENERATE_CASES=200 for more, SKALD_PARITY_SEED to vary)

Greedy decoding in f32, under random combinations of the options that are deterministic. A case in which the reference's
own decision hangs on rounding is left out and counted (margin: 1e-5 of the score).
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

from families import ENCODER_DECODERS  # noqa: E402
from random_checkpoint import random_case  # noqa: E402

N_CASES = int(os.environ.get("SKALD_GENERATE_CASES", "24"))
SEED = int(os.environ.get("SKALD_PARITY_SEED", "0"))
FAMILIES = ["llama", "mistral", "qwen2", "qwen3", "gemma2", "phi3", "t5", "bart"]
MARGIN = 1e-5


def command():
    path = Path(os.environ.get("SKALD_CLI", ROOT / "build" / "release" / "cli" / "skald"))
    if not path.exists():
        pytest.skip(f"{path} is not built")
    return path


def skald_tokens(folder, prompt, options, tmp_path):
    """token_ids and finish_reason of one call; the options go through --config."""
    config = tmp_path / "options.json"
    config.write_text(json.dumps({"do_sample": False} | options))
    ids = ",".join(map(str, prompt))
    done = subprocess.run(
        [command(), "generate", folder, "--ids", ids, "--config", config, "--bits", "32", "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def reference_tokens(model, prompt, options):
    """The new tokens (of an encoder-decoder, those of its decoder), and whether every decision was clear."""
    ids = torch.tensor([prompt])
    out = model.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        do_sample=False,
        pad_token_id=0,
        use_cache=not model.config.is_encoder_decoder,  # whose cache in 5.23 fails where the decoder has more layers
        output_scores=True,
        return_dict_in_generate=True,
        **options,
    )
    clear = True
    for scores in out.scores:
        best = scores[0].topk(2).values
        clear &= (best[0] - best[1]).item() > MARGIN * max(1.0, abs(best[0].item()))
    n_given = 1 if model.config.is_encoder_decoder else len(prompt)
    return out.sequences[0, n_given:].tolist(), clear


def random_options(rng, greedy, prompt_length):
    options = {"max_new_tokens": rng.randint(1, 40)}
    if rng.random() < 0.3:
        options = {"max_length": prompt_length + rng.randint(1, 40)}
    some = rng.sample(greedy, min(3, len(greedy)))  # tokens that would be chosen
    draws = {
        "encoder_repetition_penalty": lambda: rng.choice([0.8, 1.3]),
        "no_repeat_ngram_size": lambda: rng.randint(1, 4),
        "encoder_no_repeat_ngram_size": lambda: rng.randint(1, 4),
        "bad_words_ids": lambda: [[some[0]], greedy[1:3], greedy[2:5]],
        "sequence_bias": lambda: [[[some[0]], rng.choice([-4.0, 3.0])], [greedy[1:3], -20.0]],
        "suppress_tokens": lambda: some,
        "begin_suppress_tokens": lambda: greedy[:2],
        "exponential_decay_length_penalty": lambda: [rng.randint(1, 9), rng.choice([1.1, 1.6])],
        "remove_invalid_values": lambda: True,
        "forced_bos_token_id": lambda: some[-1],
        "forced_eos_token_id": lambda: rng.choice([some[0], greedy[3:5]]),
    }
    options |= {name: draw() for name, draw in draws.items() if rng.random() < 0.2}
    if any(name.startswith("forced") for name in options):
        options.pop("suppress_tokens", None)  # a token that is forced and suppressed is refused
    if rng.random() < 0.4:
        options["repetition_penalty"] = rng.choice([0.7, 1.05, 1.3, 2.5])
    if "exponential_decay_length_penalty" in options or rng.random() < 0.6:
        longest = options.get("max_length", prompt_length + options.get("max_new_tokens", 0))
        options["eos_token_id"] = rng.sample(greedy[:12], rng.randint(1, 3)) + [rng.randrange(20)]
        kind = rng.random()
        if kind < 0.4:
            options["min_new_tokens"] = rng.randint(1, min(15, longest - prompt_length))
        elif kind < 0.7:
            options["min_length"] = min(longest, max(0, prompt_length + rng.randint(-3, 15)))
    return options


def test_random_calls(tmp_path):
    torch.set_num_threads(1)
    rng = random.Random(SEED)
    n_unclear = 0
    for i in range(N_CASES):
        family = FAMILIES[i % len(FAMILIES)]
        folder = tmp_path / f"{i:03d}_{family}"
        random_case(folder, 7_000_000 + 100_000 * SEED + 1000 * i, model_type=family, rope_kind="default")
        encodes = family in ENCODER_DECODERS
        auto = transformers.AutoModelForSeq2SeqLM if encodes else transformers.AutoModelForCausalLM
        model = auto.from_pretrained(folder, dtype=torch.float32).eval()
        vocab = model.config.vocab_size
        prompt = [rng.randrange(vocab) for _ in range(rng.randint(1, 60))]
        start = {"decoder_start_token_id": rng.randrange(vocab)} if encodes else {}
        greedy, _ = reference_tokens(model, prompt, {"max_new_tokens": 20} | start)
        for _ in range(4):
            options = start | random_options(rng, greedy, 1 if encodes else len(prompt))
            expected, clear = reference_tokens(model, prompt, options)
            if not clear:
                n_unclear += 1
                continue
            ours = skald_tokens(folder, prompt, options, tmp_path)
            assert ours["token_ids"] == expected, (folder.name, options)
            ended = expected[-1] in options.get("eos_token_id", [])
            assert ours["finish_reason"] == ("stop" if ended else "length")
    assert n_unclear <= N_CASES // 2


def test_stop_strings_on_the_shipped_model(tmp_path):
    """The tokens up to the one that completes the stop string are kept, as in transformers."""
    folder = Path(os.environ.get("SKALD_MODELS", ROOT / "models")) / "skald-tales"
    if not (folder / "config.json").exists():
        pytest.skip("the shipped model is not there")
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    prompt = tokenizer("Once upon a time")["input_ids"]
    plain = {"max_new_tokens": 60, "temperature": None, "top_p": None, "top_k": None, "repetition_penalty": 1.0}
    greedy, _ = reference_tokens(model, prompt, plain)
    text = tokenizer.decode(greedy)
    rng = random.Random(SEED)
    for _ in range(12):
        begin = rng.randrange(len(text) - 8)
        stop = text[begin : begin + rng.randint(1, 8)]
        expected, clear = reference_tokens(model, prompt, plain | {"stop_strings": [stop], "tokenizer": tokenizer})
        options = {"max_new_tokens": 60, "repetition_penalty": 1.0, "stop_strings": [stop]}
        ours = skald_tokens(folder, prompt, options, tmp_path)
        if clear:
            assert ours["token_ids"] == expected, stop
        assert ours["text"] == text[: text.find(stop)]
