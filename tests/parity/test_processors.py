"""Every logits processor alone gives what transformers' class gives, on random logits.

    ./dev test --parity -k processors      (SKALD_PROCESSOR_CASES=50 for more, SKALD_PARITY_SEED to vary)

Logits are normal, full of ties, mostly -inf, or far apart; vocabularies have 7 to 128256 tokens. Scores of tokens that
stay must be equal. A set of tokens must be the reference's in f32 or in f64, or lie between those of the option moved
by 1e-5 either way: sums over a large vocabulary differ in their last digits there. Which of several equal logits stay
is the order of an unstable sort: such sets are compared by their scores.
"""

import json
import os
import random
import subprocess
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
np = pytest.importorskip("numpy")

from transformers.generation import logits_process as hf  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
N_CASES = int(os.environ.get("SKALD_PROCESSOR_CASES", "6"))
SEED = int(os.environ.get("SKALD_PARITY_SEED", "0"))
VOCABULARIES = [7, 48, 1000, 32000, 50257, 128256]
EOS = [1, 5]
LOWEST = float(np.finfo(np.float32).min)
MARGIN = 1e-5


class Case:
    """What a processor is made from and applied to."""

    def __init__(self, rng: random.Random, vocab: int):
        few = rng.sample(range(vocab), min(vocab, rng.choice([3, 6, 20])))  # they repeat themselves
        self.vocab = vocab
        self.pads = 0
        self.prompt = rng.choices(few, k=rng.randint(1, 30))
        self.history = self.prompt + rng.choices(few, k=rng.randint(0, 30))
        self.max_length = len(self.history) + rng.choice([1, 5])
        self.min_keep = rng.choice([1, 1, 2, 3])
        self.logits = random_logits(rng, vocab)

    def ids(self, rng: random.Random, most: int) -> list[int]:
        return rng.sample(range(self.vocab), rng.randint(1, min(most, self.vocab - 2)))

    def words(self, rng: random.Random) -> list[list[int]]:
        """Sequences of tokens; some are about to be completed."""
        words = [self.ids(rng, 4) for _ in range(rng.randint(1, 4))]
        words += [self.history[-n:] + [rng.randrange(self.vocab)] for n in (1, 2, 3) if rng.random() < 0.6]
        return [list(word) for word in {tuple(word) for word in words}]


def random_logits(rng: random.Random, vocab: int):
    generator = np.random.default_rng(rng.randrange(2**32))
    kind = rng.choice(["normal", "ties", "mostly out", "far apart", "even"])
    logits = generator.normal(0, 3, vocab)
    if kind == "ties":
        logits = np.round(logits)
    elif kind == "mostly out":
        logits[generator.permutation(vocab)[: vocab - max(3, vocab // 50)]] = -np.inf
    elif kind == "far apart":
        logits *= 20
    elif kind == "even":
        logits *= 0.01
    return logits.astype(np.float32)


# name: (how the option is drawn, how the reference's class is made of it)
EXACT = {
    "sequence_bias": (
        lambda rng, case: [[word, rng.choice([-8.5, -1.25, 2.0, 6.0])] for word in case.words(rng)],
        lambda value, case: hf.SequenceBiasLogitsProcessor(value),
    ),
    "bad_words_ids": (
        lambda rng, case: case.words(rng),
        lambda value, case: hf.NoBadWordsLogitsProcessor(value, torch.tensor(EOS)),
    ),
    "encoder_repetition_penalty": (
        lambda rng, case: rng.choice([0.7, 1.2, 2.5]),
        lambda value, case: hf.EncoderRepetitionPenaltyLogitsProcessor(value, torch.tensor([case.prompt])),
    ),
    "repetition_penalty": (
        lambda rng, case: rng.choice([0.8, 1.1, 1.5, 3.0]),
        lambda value, case: hf.RepetitionPenaltyLogitsProcessor(value, prompt_ignore_length=torch.tensor([case.pads])),
    ),
    "no_repeat_ngram_size": (
        lambda rng, case: rng.randint(1, 4),
        lambda value, case: hf.NoRepeatNGramLogitsProcessor(value),
    ),
    "encoder_no_repeat_ngram_size": (
        lambda rng, case: rng.randint(1, 4),
        lambda value, case: hf.EncoderNoRepeatNGramLogitsProcessor(value, torch.tensor([case.prompt])),
    ),
    "min_length": (
        lambda rng, case: len(case.prompt) + rng.randint(0, 40),
        lambda value, case: hf.MinLengthLogitsProcessor(value, torch.tensor(EOS)),
    ),
    "min_new_tokens": (
        lambda rng, case: rng.randint(1, 40),
        lambda value, case: hf.MinNewTokensLengthLogitsProcessor(len(case.prompt), value, torch.tensor(EOS)),
    ),
    "forced_bos_token_id": (
        lambda rng, case: rng.randrange(case.vocab),
        lambda value, case: hf.ForcedBOSTokenLogitsProcessor(value),
    ),
    "forced_eos_token_id": (
        lambda rng, case: case.ids(rng, 2),
        lambda value, case: hf.ForcedEOSTokenLogitsProcessor(case.max_length, torch.tensor(value)),
    ),
    "remove_invalid_values": (
        lambda rng, case: True,
        lambda value, case: hf.InfNanRemoveLogitsProcessor(),
    ),
    "suppress_tokens": (
        lambda rng, case: case.ids(rng, 6),
        lambda value, case: hf.SuppressTokensLogitsProcessor(value),
    ),
    "begin_suppress_tokens": (
        lambda rng, case: case.ids(rng, 6),
        lambda value, case: hf.SuppressTokensAtBeginLogitsProcessor(value, len(case.prompt)),
    ),
    "exponential_decay_length_penalty": (
        lambda rng, case: [rng.randint(0, 10), rng.choice([0.9, 1.05, 1.5])],
        lambda value, case: hf.ExponentialDecayLengthPenalty(tuple(value), torch.tensor(EOS), len(case.prompt)),
    ),
    "temperature": (
        lambda rng, case: rng.choice([0.1, 0.3, 0.7, 1.3, 2.0, 9.0]),
        lambda value, case: hf.TemperatureLogitsWarper(value),
    ),
    "renormalize_logits": (
        lambda rng, case: True,
        lambda value, case: hf.LogitNormalization(),
    ),
    "watermarking_config": (
        lambda rng, case: {
            "greenlist_ratio": rng.choice([0.25, 0.5]),
            "bias": rng.choice([2.0, 0.5]),
            "hashing_key": rng.choice([15485863, 99]),
            "seeding_scheme": "lefthash" if case.vocab < 41 else rng.choice(["lefthash", "selfhash"]),
            "context_width": rng.randint(1, 4),
        },
        lambda value, case: hf.WatermarkLogitsProcessor(case.vocab, "cpu", **value),
    ),
}

# name: (values, the reference's class, how the value is moved by the margin)
TRUNCATIONS = {
    "top_k": ([1, 2, 5, 40, 300, 10**6], lambda k, keep: hf.TopKLogitsWarper(k, min_tokens_to_keep=keep), None),
    "top_p": (
        [0.05, 0.3, 0.8, 0.95, 0.999, 0.99999],
        lambda p, keep: hf.TopPLogitsWarper(p, min_tokens_to_keep=keep),
        lambda p, by: min(max(p + by, 0.0), 1.0),
    ),
    "min_p": (
        [0.0001, 0.02, 0.1, 0.5, 1.0],
        lambda p, keep: hf.MinPLogitsWarper(p, min_tokens_to_keep=keep),
        lambda p, by: min(p * (1 - by), 1.0),
    ),
    "typical_p": (
        [0.1, 0.4, 0.8, 0.95, 0.9999],
        lambda p, keep: hf.TypicalLogitsWarper(p, min_tokens_to_keep=keep),
        lambda p, by: min(max(p + 10 * by, 1e-9), 1 - 1e-9),  # distances are differences of f32 logarithms
    ),
    "epsilon_cutoff": (
        [1e-6, 0.0001, 0.01, 0.3],
        lambda e, keep: hf.EpsilonLogitsWarper(e, min_tokens_to_keep=keep),
        lambda e, by: e * (1 - by),
    ),
    "eta_cutoff": (
        [1e-6, 0.0001, 0.01, 0.3],
        lambda e, keep: hf.EtaLogitsWarper(e, min_tokens_to_keep=keep),
        lambda e, by: e * (1 - by),
    ),
    "top_h": (
        [0.1, 0.4, 0.8, 0.99],
        lambda h, keep: hf.TopHLogitsWarper(h),
        lambda h, by: min(max(h + by, 1e-9), 1.0),
    ),
}


@pytest.fixture(scope="module")
def processors():
    """Scores of a case under options, by the program that is built with the tests."""
    command = Path(os.environ.get("SKALD_CLI", ROOT / "build" / "release" / "cli" / "skald"))
    program = command.parents[1] / "tests" / "run_processors"
    if not program.exists():
        pytest.skip(f"{program} is not built")
    with subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:

        def scores(case: Case, options: dict):
            request = {
                "options": {"eos_token_id": EOS, "do_sample": True, **options},
                "vocab_size": case.vocab,
                "history": case.history,
                "prompt_length": len(case.prompt),
                "n_pads": case.pads,
                "max_length": case.max_length,
                "min_keep": case.min_keep,
            }
            process.stdin.write(json.dumps(request).encode() + b"\n" + case.logits.tobytes())
            process.stdin.flush()
            return np.frombuffer(process.stdout.read(4 * case.vocab), dtype=np.float32)

        yield scores
        process.stdin.close()


def reference(processor, case: Case, dtype=torch.float32):
    ids = torch.tensor([case.history])
    scores = processor(ids, torch.from_numpy(case.logits.copy()).to(dtype)[None])[0]
    return scores.to(torch.float32).numpy()


def draws(name: str, vocab: int):
    """The cases of one option, each with its generator."""
    for number in range(N_CASES):
        rng = random.Random(f"{SEED} {name} {vocab} {number}")
        yield rng, Case(rng, vocab)


@pytest.mark.parametrize("vocab", VOCABULARIES)
@pytest.mark.parametrize("name", EXACT)
def test_scores(processors, name, vocab):
    draw, make = EXACT[name]
    for rng, case in draws(name, vocab):
        if name == "remove_invalid_values":
            case.logits[rng.sample(range(vocab), 4)] = [np.nan, np.inf, -np.inf, 1]
        if name == "forced_bos_token_id":
            case.prompt = case.history = case.history[: rng.randint(1, 2)]
        if name == "watermarking_config":  # which of equal logits are among the 40 best is the sort's order
            case.logits += np.arange(vocab, dtype=np.float32) * 1e-3
        value = draw(rng, case)
        expected = reference(make(value, case), case)
        found = processors(case, {name: value})
        if name == "renormalize_logits":
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
        else:
            np.testing.assert_array_equal(found, expected, err_msg=f"{name}={value}")


def kept(scores) -> int:
    return int((scores > LOWEST).sum())


def same(a, b) -> bool:
    """Equal, or equal up to which of several equal logits stay."""
    return bool((a == b).all() or (np.sort(a) == np.sort(b)).all())


@pytest.mark.parametrize("vocab", VOCABULARIES)
@pytest.mark.parametrize("name", TRUNCATIONS)
def test_tokens_that_stay(processors, name, vocab):
    values, make, move = TRUNCATIONS[name]
    n_near = 0
    for rng, case in draws(name, vocab):
        value = rng.choice(values)
        found = processors(case, {name: value})
        assert ((found == case.logits) | (found == -np.inf)).all()
        if same(found, reference(make(value, case.min_keep), case)):
            continue
        assert move is not None, f"{name}={value}"
        if same(found, reference(make(value, case.min_keep), case, torch.float64)):
            continue
        n_near += 1
        bounds = [
            kept(reference(make(move(value, by), case.min_keep), case, torch.float64)) for by in (-MARGIN, MARGIN)
        ]
        assert bounds[0] <= kept(found) <= bounds[1], f"{name}={value}: {kept(found)} stay, not {bounds}"
    if n_near:
        print(f"{name}, {vocab} tokens: {n_near} of {N_CASES} inside the margin")


@pytest.mark.parametrize("vocab", VOCABULARIES)
def test_synthid(processors, vocab):
    """Over a run of steps: its contexts are of what was generated."""
    for rng, case in draws("synthid", vocab):
        settings = {
            "keys": [rng.randrange(1000) for _ in range(rng.choice([1, 5, 12]))],
            "ngram_len": rng.randint(2, 5),
            "sampling_table_size": rng.choice([65536, 1000]),
            "context_history_size": rng.choice([2, 1024]),
            "skip_first_ngram_calls": rng.random() < 0.3,
        }
        processor = transformers.SynthIDTextWatermarkingConfig(**settings).construct_processor(vocab, "cpu")
        case.logits = np.random.default_rng(rng.randrange(2**32)).normal(0, 2, vocab).astype(np.float32)
        case.history = list(case.prompt)
        for _ in range(6):
            expected = reference(processor, case)
            found = processors(case, {"watermarking_config": settings})
            likely = expected > expected.max() - 15  # further down f32 cancels: 1 - (probability of winning)
            np.testing.assert_allclose(found[likely], expected[likely], rtol=1e-4, atol=1e-4)
            case.history.append(rng.randrange(2))


@pytest.mark.parametrize("vocab", VOCABULARIES)
def test_pads_before_a_prompt(processors, vocab):
    """transformers 5 passes over them, 4 penalises their token."""
    for rng, case in draws("pads", vocab):
        case.pads = rng.randint(1, 5)
        case.prompt = [vocab - 1] * case.pads + case.prompt
        case.history = [vocab - 1] * case.pads + case.history
        for profile, ignored in (("hf", case.pads), ("hf4", 0)):
            processor = hf.RepetitionPenaltyLogitsProcessor(1.7, prompt_ignore_length=torch.tensor([ignored]))
            found = processors(case, {"repetition_penalty": 1.7, "profile": profile})
            np.testing.assert_array_equal(found, reference(processor, case))
