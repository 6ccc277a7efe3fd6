"""Samplers, penalties, beams and drafts against plain Python, with the rules of the FundamentaLLM profile."""

import math
from collections import Counter

import pytest
from commands import completions, flags, generate, steps

PROMPT = "The king and the king said"


def softmax(logits):
    highest = max(logits)
    weights = [math.exp(x - highest) for x in logits]
    total = math.fsum(weights)
    return [w / total for w in weights]


def log_softmax(logits):
    highest = max(logits)
    total = highest + math.log(math.fsum(math.exp(x - highest) for x in logits))
    return [x - total for x in logits]


def ranked(values):
    """Ids from the most to the least probable; equals by id."""
    return sorted(range(len(values)), key=lambda i: (-values[i], i))


def scaled(logits, temperature):
    return [x / temperature for x in logits]


def best_k(logits, k):
    kept = set(ranked(logits)[:k])
    return [x if i in kept else -math.inf for i, x in enumerate(logits)]


def nucleus(logits, p):
    """What the running sum does not lift above p; the most probable token stays whatever it has."""
    probabilities = softmax(logits)
    order = ranked(probabilities)
    kept, total = {order[0]}, 0.0
    for i in order:
        total += probabilities[i]
        if total > p:
            break
        kept.add(i)
    return [x if i in kept else -math.inf for i, x in enumerate(logits)]


def repeated_less(logits, tokens, penalty):
    return [(x / penalty if x > 0 else x * penalty) if i in set(tokens) else x for i, x in enumerate(logits)]


def counted_less(logits, tokens, frequency=0.0, presence=0.0):
    counts = Counter(tokens)
    return [x - frequency * counts[i] - presence * (i in counts) for i, x in enumerate(logits)]


def same_distribution(scores, wanted):
    assert [x == -math.inf for x in scores] == [x == -math.inf for x in wanted]
    assert all(abs(a - b) < 1e-4 for a, b in zip(softmax(scores), softmax(wanted)))


CUTS = {
    "temperature-low": ({"temperature": 0.3}, lambda x: scaled(x, 0.3)),
    "temperature-high": ({"temperature": 1.5}, lambda x: scaled(x, 1.5)),
    "top-k": ({"top_k": 40, "temperature": 0.8}, lambda x: best_k(scaled(x, 0.8), 40)),
    "top-k-of-one": ({"top_k": 1}, lambda x: best_k(x, 1)),
    "top-p": ({"top_p": 0.9, "temperature": 0.8}, lambda x: nucleus(scaled(x, 0.8), 0.9)),
    "top-p-below-the-best": ({"top_p": 0.01}, lambda x: nucleus(x, 0.01)),
    "both": (
        {"temperature": 0.8, "top_k": 50, "top_p": 0.9},
        lambda x: nucleus(best_k(scaled(x, 0.8), 50), 0.9),
    ),
}


@pytest.mark.parametrize(("options", "oracle"), CUTS.values(), ids=CUTS)
def test_what_cuts_the_distribution(model, options, oracle):
    tokens, logits, scores = steps(PROMPT, 4, **options)
    for token, before, after in zip(tokens, logits, scores):
        same_distribution(after, oracle(before))
        assert after[token] > -math.inf


PENALTIES = {
    "repetition": ({"repetition_penalty": 1.2}, lambda x, seen: repeated_less(x, seen, 1.2)),
    "frequency": ({"frequency_penalty": 0.7}, lambda x, seen: counted_less(x, seen, frequency=0.7)),
    "presence": ({"presence_penalty": 0.5}, lambda x, seen: counted_less(x, seen, presence=0.5)),
}


@pytest.mark.parametrize(("options", "oracle"), PENALTIES.values(), ids=PENALTIES)
def test_penalties_see_what_was_generated_and_not_the_prompt(model, options, oracle):
    tokens, logits, scores = steps(PROMPT, 48, temperature=0.5, **options)
    assert max(Counter(tokens).values()) > 1
    for step, (before, after) in enumerate(zip(logits, scores)):
        same_distribution(after, scaled(oracle(before, tokens[:step]), 0.5))


def test_temperature_sharpens_and_flattens(model):
    def entropy(temperature):
        _, _, scores = steps(PROMPT, 1, temperature=temperature)
        return -math.fsum(p * math.log(p) for p in softmax(scores[0]) if p > 0)

    assert entropy(0.3) < entropy(0.8) < entropy(1.5)


class NextToken:
    """Log-probabilities of the model after any tokens, by one run of the command for each."""

    def __init__(self):
        self.known = {}

    def __call__(self, tokens):
        if tokens not in self.known:
            (one,) = completions(
                *[
                    "--ids",
                    ",".join(map(str, tokens)),
                    "--no-sample",
                    "--max-tokens=1",
                    "--output-logits",
                    "--ignore-eos",
                ]
            )
            self.known[tokens] = log_softmax(one["logits"][0])
        return self.known[tokens]


@pytest.fixture(scope="module")
def next_token(model):
    return NextToken()


@pytest.fixture(scope="module")
def prompt(model):
    return (343, 725)  # The king


def beam_search(next_token, prompt, width, count):
    beams = [((), 0.0)]
    for _ in range(count):
        found = []
        for tokens, score in beams:
            after = next_token(prompt + tokens)
            found += [(tokens + (i,), score + after[i]) for i in ranked(after)[:width]]
        beams = sorted(found, key=lambda one: -one[1])[:width]
    return beams


def beams_of_the_command(prompt, width, count, **options):
    ids = ",".join(map(str, prompt))
    return completions(
        *["--ids", ids, f"--beam-width={width}", f"--num-samples={width}", f"--max-tokens={count}", "--no-sample"],
        *["--ignore-eos", *flags(options)],
    )


def test_beam_search(next_token, prompt):
    wanted = beam_search(next_token, prompt, 3, 4)
    found = beams_of_the_command(prompt, 3, 4, **{"length-penalty": 0})
    assert [tuple(one["token_ids"]) for one in found] == [tokens for tokens, _ in wanted]
    assert [one["score"] for one in found] == pytest.approx([score for _, score in wanted], abs=1e-3)


@pytest.mark.parametrize("alpha", [0.6, 1])
def test_scores_of_beams_are_divided_by_their_length(next_token, prompt, alpha):
    wanted = beam_search(next_token, prompt, 3, 4)
    norms = {"gnmt": ((5 + 4) / 6) ** alpha, "power": 4**alpha}
    for form, norm in norms.items():
        found = beams_of_the_command(prompt, 3, 4, **{"length-penalty": alpha, "length-penalty-form": form})
        assert [one["score"] for one in found] == pytest.approx([s / norm for _, s in wanted], abs=1e-3), form


def speculative_step(draft, target):
    """Distribution of a token that is drawn from `draft`, kept with min(1, target / draft), else drawn anew."""
    kept = [min(p, q) for p, q in zip(target, draft)]
    rest = [max(p - q, 0.0) for p, q in zip(target, draft)]
    lost = 1 - math.fsum(kept)
    return [k + lost * r / max(math.fsum(rest), 1e-300) for k, r in zip(kept, rest)]


def test_keeping_or_drawing_anew_gives_the_distribution_of_the_model(next_token, prompt):
    target = [math.exp(x) for x in next_token(prompt)]
    draft = [math.exp(x) for x in next_token(prompt + (316,))]
    assert speculative_step(draft, target) == pytest.approx(target, abs=1e-9)


@pytest.mark.parametrize("options", [["--no-sample"], ["--temperature", "0.8", "--seed", "5"]])
def test_drafts_change_no_text(model, options):
    ask = ["--prompt", "Once upon a time", "--max-tokens", "40", *options]
    drafted = generate(*ask, "--draft-model", model, "--num-assistant-tokens", "4")
    assert drafted == generate(*ask) == generate(*ask, "--prompt-lookup", "4")
