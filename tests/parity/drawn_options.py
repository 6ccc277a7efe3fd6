"""What the drawn suite draws: the strategies, and one row for each option of generation that is deterministic.

A row says how a value is drawn that has something to act on (`Draw` knows the prompts and what greedy decoding makes of
them), which strategies the option goes with, and what else it needs. Cases are drawn from these two tables alone.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

RECURRENT = ("mamba", "mamba2")  # families whose state is no cache of keys


@dataclass
class Strategy:
    version: str  # of transformers: "5" is 5.23
    always: tuple = ()  # options that make it
    weight: int = 1  # how often it is drawn
    batch: bool = True  # in transformers a prompt's result does not depend on its neighbours
    fits: Callable = lambda checkpoint: True
    samples: bool = False
    padded: bool = False  # prompts of several lengths in a batch


def in_4_49(checkpoint):
    return not checkpoint.invalid and checkpoint.in_4_49


def decoder_in_4_49(checkpoint):
    return in_4_49(checkpoint) and not checkpoint.encodes


def can_be_cropped(checkpoint):
    """Whether the reference's cache can, and gives the same then: not a state, not a window that is full, and not where
    how far a draft reaches changes rotary factors."""
    return not checkpoint.invalid and checkpoint.family not in (*RECURRENT, "phi3") and checkpoint.window is None


def can_exit_early(checkpoint):
    """Not where the reference fails: decoders that go through all layers with a cache for the first ones."""
    return can_be_cropped(checkpoint) and not checkpoint.encodes and checkpoint.family not in ("bloom", "gpt2")


def may_be_padded(checkpoint):
    """Not where padding itself changes the reference's result: positions that count it, states, choices of factors."""
    return not checkpoint.invalid and not checkpoint.encodes and checkpoint.family not in (*RECURRENT, "phi3")


STRATEGIES = {
    "greedy": Strategy("5", weight=4),
    "lookup": Strategy("5", ("prompt_lookup_num_tokens",), 2, batch=False, fits=can_be_cropped),
    "draft": Strategy("5", ("num_assistant_tokens",), 2, batch=False, fits=can_be_cropped),
    "early exit": Strategy("5", ("assistant_early_exit",), 2, batch=False, fits=can_exit_early),
    "beam": Strategy("5", ("num_beams",), 6, fits=lambda c: not c.invalid),
    "contrastive": Strategy("4.49", ("penalty_alpha", "top_k"), 10, fits=decoder_in_4_49),
    "dola": Strategy("4.49", ("dola_layers",), 8, batch=False, fits=decoder_in_4_49),
    "group": Strategy("4.49", ("num_beam_groups", "diversity_penalty", "num_beams"), 6, fits=in_4_49),
    "constrained": Strategy("4.49", ("force_words_ids", "num_beams"), 6, fits=in_4_49),
    "sampling": Strategy("5", weight=5, fits=lambda c: not c.invalid, samples=True),
    "padded sampling": Strategy("5", weight=3, fits=may_be_padded, samples=True, padded=True),
    "beam sampling": Strategy("5", ("num_beams",), 4, fits=lambda c: not c.invalid, samples=True),
}
DETERMINISTIC = tuple(name for name, strategy in STRATEGIES.items() if not strategy.samples)
BEAMS_ONLY = ("length_penalty", "early_stopping")
SAMPLED = tuple(name for name, strategy in STRATEGIES.items() if strategy.samples)
BEAMS = ("beam", "group", "constrained", "beam sampling")
GUIDED = ("greedy", "sampling", "contrastive")
ALL = tuple(STRATEGIES)
DRAFTED = ("draft", "early exit")
WITHOUT_STOP_STRINGS = (*DRAFTED, "group", "constrained")  # it gives drafts no tokenizer; docs/differences.md
SEES_FILL = (  # in transformers: options for which what fills a row is a part of its text
    "max_length",
    "min_length",
    "stop_strings",
    "encoder_repetition_penalty",
    "no_repeat_ngram_size",
    "encoder_no_repeat_ngram_size",
    "bad_words_ids",
    "sequence_bias",
    "forced_bos_token_id",
    "watermarking_config",
)


@dataclass
class Option:
    name: str
    draw: Callable[["Draw"], Any]  # None: it has nothing to act on here
    strategies: tuple = ALL
    chance: float = 0.2
    needs: tuple = ()  # options that must be set too: they are drawn with it
    likes: tuple = ()  # options that are drawn with it mostly
    not_with: tuple = ()
    changes: str = "tokens"  # what it must change in a fifth of its cases; "scores"; "nothing": drafts
    unset: dict = field(default_factory=dict)  # what stands for it where it is left out


@dataclass
class Draw:
    """What a value is drawn for."""

    rng: Any
    checkpoint: Any
    strategy: str
    prompts: list
    plain: list  # tokens that greedy decoding gives each prompt
    options: dict = field(default_factory=dict)  # drawn so far
    names: set = field(default_factory=set)  # to be drawn

    @property
    def start(self):
        """Tokens before the first new one."""
        return 1 if self.checkpoint.encodes else len(self.prompts[0])

    @property
    def most(self):
        """New tokens at most."""
        longest = self.options.get("max_length", 1000) - self.start
        return self.options.get("max_new_tokens", longest)

    @property
    def text(self):
        """A plain continuation."""
        return self.rng.choice(self.plain)

    def piece(self, longest):
        """A few tokens in a row that would be chosen."""
        text, n = self.text, self.rng.randint(1, longest)
        at = self.rng.randint(0, min(10, len(text) - n))
        return text[at : at + n]

    def token(self):
        return self.piece(1)[0]

    def tokens(self, most):
        return sorted({self.token() for _ in range(self.rng.randint(1, most))})


def length(d):
    if d.strategy in BEAMS and ("early_stopping" in d.names or d.rng.random() < 0.5):
        return d.rng.randint(12, 28)
    return d.rng.choice([d.rng.randint(1, 8), d.rng.randint(8, 28)])


def end_tokens(d):
    if "early_stopping" in d.names:  # it tells where many beams end: texts are then full of end tokens
        return list(dict.fromkeys(token for text in d.plain for token in text[: d.rng.randint(4, 12)]))[:12]
    found = [d.token() for _ in range(d.rng.randint(1, 5))] + [d.rng.randrange(d.checkpoint.vocab)]
    found = list(dict.fromkeys(found))
    return found if d.strategy in BEAMS else d.rng.choice([found[0], found])


def forced_ends(d):
    """Several only where none is cut: they all have the score 0, and the reference has no rule for such ties."""
    ties = d.strategy in (*BEAMS, *SAMPLED)
    return d.token() if ties else d.rng.choice([d.token(), d.tokens(2)])


def stop_strings(d):
    """Pieces of a plain continuation, short ones mostly: those come in other continuations too."""
    decode = d.checkpoint.tokenizer.decode
    text, before = decode(d.text), decode([d.checkpoint.begin] if d.checkpoint.encodes else d.prompts[0])
    stops = [text[at : at + d.rng.choice([1, 2, 2, 3, 4, 8])] for at in (d.rng.randrange(30) for _ in range(3))]
    if any(before.endswith(stop[:n]) for stop in stops for n in range(1, len(stop))):
        return None  # the prompt's end may be the beginning of one: docs/differences.md
    stops = [stop for stop in stops if stop]
    return list(dict.fromkeys(stops))[: d.rng.randint(1, 3)] or None


def dola_layers(d):
    layers = d.checkpoint.layers
    kinds = ["low", "high", sorted(d.rng.sample(range(layers), d.rng.randint(1, layers)))]
    if d.checkpoint.tied and layers == 3:
        kinds.remove("low")  # no layer is left: refused, where the reference fails
    return d.rng.choice(kinds)


DECAYED_BAN = ("min_new_tokens", "exponential_decay_length_penalty")


def invalid(d):
    """A banned end token becomes the lowest number, which the decay may make infinite: no score to add up."""
    if d.strategy in ("greedy", "lookup", "draft", "dola"):
        return True
    return True if d.rng.random() < 0.2 and "exponential_decay_length_penalty" not in d.options else None


def guidance(d):
    fits = not d.checkpoint.encodes and not d.checkpoint.invalid and d.checkpoint.family not in RECURRENT
    return d.rng.choice([0.0, 0.5, 1.5, 3.0]) if fits else None


def biases(d):
    pieces = [[max(1, token) for token in piece] for piece in (d.piece(3), [d.token(), d.token()])]  # 4.49 refuses 0
    found = [[pieces[0], d.rng.choice([-6.0, 4.0])], [pieces[1], 9.0]]
    return found if found[0][0] != found[1][0] else found[:1]


def negative(d):
    return d.piece(6) if "guidance_scale" in d.options else None


def watermark(d):
    fits_selfhash = d.checkpoint.vocab > 40 and d.start > 4  # else the reference fails
    kind = d.rng.choice(["lefthash", "synthid", "selfhash"][: 3 if fits_selfhash else 2])
    if kind == "synthid":  # whose state the reference does not take along where hypotheses change places
        found = {"ngram_len": d.rng.randint(2, 5), "keys": d.rng.sample(range(1000), 6)}
        return found if d.strategy in ("greedy", "contrastive") and "remove_invalid_values" not in d.options else None
    found = {"greenlist_ratio": d.rng.choice([0.25, 0.5]), "bias": d.rng.choice([2.0, 5.0]), "seeding_scheme": kind}
    return found | {"hashing_key": d.rng.choice([15485863, 12345]), "context_width": d.rng.randint(1, 2)}


def diversity(d):
    return d.rng.choice([0.3, 1.0, 5.0])


def beams(d):
    if d.strategy == "group":
        return d.options["num_beam_groups"] * d.rng.randint(1, 2)
    return d.rng.randint(2, 3 if "early_stopping" in d.names else 5)  # few: that so many end soon


def by_length(d):
    longer = "early_stopping" in d.names and d.rng.random() < 0.8  # there is then something to wait for
    return d.rng.choice([1.5, 2.0, 3.0] if longer else [-1.0, 0.0, 0.4, 2.0])


def returned(d):
    return d.rng.randint(2, d.options.get("num_beams", 4))


def stopping(d):
    return d.rng.choice([True] * 7 + ["never"])


def forced_words(d):
    """Phrases, and lists of alternatives of which none begins another."""
    words = []
    for _ in range(d.rng.randint(1, 2)):
        phrases = [d.piece(2) if d.rng.random() < 0.5 else [d.rng.randrange(d.checkpoint.vocab)] for _ in range(3)]
        alternatives = [a for a in phrases if not any(b != a and b == a[: len(b)] for b in phrases)]
        words.append(d.rng.choice([phrases[0], [a for i, a in enumerate(alternatives) if a not in alternatives[:i]]]))
    return words


OPTIONS = [
    # How long.
    Option("max_new_tokens", length, chance=0.9),
    Option("max_length", lambda d: d.start + d.rng.randint(1, 26), chance=0.1),
    Option("eos_token_id", end_tokens, chance=0.3),
    Option("min_new_tokens", lambda d: min(d.rng.randint(2, 14), d.most)),
    Option("min_length", lambda d: d.start + min(d.rng.randint(2, 16), d.most), likes=("eos_token_id",)),
    Option("stop_strings", stop_strings, tuple(s for s in ALL if s not in WITHOUT_STOP_STRINGS)),
    # Changes to the logits.
    Option("repetition_penalty", lambda d: d.rng.choice([0.5, 0.8, 1.3, 1.8, 3.0])),
    Option("encoder_repetition_penalty", lambda d: d.rng.choice([0.4, 0.7, 1.5, 3.0])),
    Option("no_repeat_ngram_size", lambda d: d.rng.choice([1, 2, 2, 3])),
    Option("encoder_no_repeat_ngram_size", lambda d: d.rng.choice([1, 1, 1, 2]) if len(d.prompts[0]) > 3 else None),
    Option("bad_words_ids", lambda d: [d.piece(1), d.piece(2), [d.rng.randrange(d.checkpoint.vocab)] * 2]),
    Option("sequence_bias", biases),
    Option("suppress_tokens", lambda d: d.tokens(3)),
    Option("begin_suppress_tokens", lambda d: sorted({text[0] for text in d.plain} | {d.token()})),
    Option("forced_bos_token_id", lambda d: d.token() if d.start == 1 else None, chance=0.5),
    Option("forced_eos_token_id", forced_ends),
    Option("exponential_decay_length_penalty", lambda d: [d.rng.randint(0, 8), d.rng.choice([1.05, 1.3, 1.8])]),
    Option(
        "remove_invalid_values",
        invalid,
        DETERMINISTIC,
        0.03,
        likes=DECAYED_BAN,
    ),
    Option("renormalize_logits", lambda d: True, BEAMS, changes="scores"),
    Option("guidance_scale", guidance, GUIDED),
    Option("negative_prompt_ids", negative, GUIDED, 0.1, ("guidance_scale",)),
    Option("watermarking_config", watermark, not_with=("renormalize_logits",)),
    # What is drawn from.
    Option("temperature", lambda d: d.rng.choice([0.3, 0.7, 1.5, 3.0]), SAMPLED),
    Option("top_h", lambda d: d.rng.choice([0.2, 0.5, 0.9]), SAMPLED),
    Option("top_k", lambda d: d.rng.randint(2, 12), ("contrastive", *SAMPLED)),
    Option("top_p", lambda d: d.rng.choice([0.3, 0.6, 0.9]), SAMPLED),
    Option("min_p", lambda d: d.rng.choice([0.05, 0.2, 0.5]), SAMPLED),
    Option("typical_p", lambda d: d.rng.choice([0.2, 0.5, 0.9]), SAMPLED),
    Option("epsilon_cutoff", lambda d: d.rng.choice([0.01, 0.05, 0.2]), SAMPLED),
    Option("eta_cutoff", lambda d: d.rng.choice([0.1, 0.4, 0.9]), SAMPLED),
    # Beams.
    Option("num_beam_groups", lambda d: d.rng.choice([2, 2, 3]), ("group",), 0, ("num_beams",)),
    Option("diversity_penalty", diversity, ("group",), 0, ("num_beam_groups",), unset={"diversity_penalty": 1e-12}),
    Option("num_beams", beams, BEAMS, 0),
    Option("force_words_ids", forced_words, ("constrained",), 0, ("num_beams",)),
    Option("num_return_sequences", returned, (*BEAMS, "sampling"), 0.4),
    Option("length_penalty", by_length, BEAMS, 0.4, likes=("eos_token_id",)),
    Option("early_stopping", stopping, BEAMS, 0.4, ("eos_token_id", "length_penalty"), ("num_return_sequences",)),
    # Other strategies.
    Option("penalty_alpha", lambda d: d.rng.choice([0.2, 0.4, 0.6, 0.9]), ("contrastive",), 0),
    Option("dola_layers", dola_layers, ("dola",), 0),
    Option("prompt_lookup_num_tokens", lambda d: d.rng.randint(1, 10), ("lookup",), 0, changes="nothing"),
    Option("max_matching_ngram_size", lambda d: d.rng.randint(1, 4), ("lookup",), 0.5, changes="nothing"),
    Option("num_assistant_tokens", lambda d: d.rng.randint(1, 8), DRAFTED, 0, changes="nothing"),
    Option(
        "assistant_early_exit",
        lambda d: d.rng.randint(1, d.checkpoint.layers - 1),
        ("early exit",),
        0,
        changes="nothing",
    ),
    Option(
        "num_assistant_tokens_schedule",
        lambda d: d.rng.choice(["constant", "heuristic", "heuristic_transient"]),
        DRAFTED,
        changes="nothing",
    ),
    Option("assistant_confidence_threshold", lambda d: d.rng.choice([0.0, 0.2, 0.8]), DRAFTED, changes="nothing"),
]
BY_NAME = {option.name: option for option in OPTIONS}


def takes(strategy, name):
    """Whether a strategy is drawn with an option."""
    return strategy in BY_NAME[name].strategies and not (STRATEGIES[strategy].padded and name in SEES_FILL)


def drawable(name, checkpoint, strategy):
    """Whether the option may be set there at all."""
    if name == "max_length" and checkpoint.n_new:
        return False  # the file has max_new_tokens, which the reference lets go before
    if name == "stop_strings" and checkpoint.tokenizer is None:
        return False
    return takes(strategy, name)


def names_of_a_case(rng, checkpoint, strategy, wanted):
    """A set of options, `wanted` among them, each with what it needs."""
    names = set(STRATEGIES[strategy].always) | ({"remove_invalid_values"} if checkpoint.invalid else set())
    for option in OPTIONS:
        if option.name in wanted or drawable(option.name, checkpoint, strategy) and rng.random() < option.chance:
            more = (*option.needs, *(name for name in option.likes if rng.random() < 0.6))
            names |= {option.name, *(name for name in more if drawable(name, checkpoint, strategy))}
    for option in OPTIONS:
        if option.name in names and names & set(option.not_with):
            names -= {option.name} if option.name not in wanted else set(option.not_with)
    if "max_length" not in names:
        names.add("max_new_tokens")
    elif "max_new_tokens" not in wanted and rng.random() < 0.8:
        names.discard("max_new_tokens")  # which goes before it
    return names


def is_sound(d):
    """Whether the options leave a choice that the reference makes by a rule."""
    o = d.options
    forced = [o.get("forced_bos_token_id"), *as_list(o.get("forced_eos_token_id"))]
    if set(forced) & set(o.get("suppress_tokens", [])):
        return False  # refused by us; the reference takes token 0
    ends = as_list(o.get("eos_token_id", d.checkpoint.eos))
    banned = [*o.get("suppress_tokens", []), *(word[0] for word in o.get("bad_words_ids", []) if len(word) == 1)]
    if any(token in ends + banned for word in o.get("force_words_ids", []) for token in flat(word)):
        return False  # 4.49 ends where all beams have come to an end token; beams of score -inf have no order
    if d.most < 2 * len(o.get("force_words_ids", [])):
        return False  # a phrase that does not fit is refused
    return d.strategy not in BEAMS or not set(forced[:1]) & set(ends)  # nothing but fill is left of the beams


def flat(word):
    return [token for phrase in word for token in as_list(phrase)]


def as_list(value):
    return value if isinstance(value, list) else [] if value is None else [value]


def pairs(names):
    return combinations(sorted(names), 2)


def may_meet(a, b):
    return a not in BY_NAME[b].not_with and b not in BY_NAME[a].not_with


def all_pairs(strategies):
    """The pairs of options that one of these strategies takes together."""
    by_strategy = [pairs(o.name for o in OPTIONS if takes(strategy, o.name)) for strategy in strategies]
    return {pair for found in by_strategy for pair in found if may_meet(*pair)}


def sound_options(d, wanted):
    """Options for one case, `wanted` among them where they have something to act on."""
    while True:
        d.names = names_of_a_case(d.rng, d.checkpoint, d.strategy, wanted)
        d.options = {"do_sample": False}
        if STRATEGIES[d.strategy].samples:
            d.options = {"do_sample": True, "profile": "hf", "seed": d.rng.randrange(2**32)}
        for option in OPTIONS:
            if option.name in d.names and (value := option.draw(d)) is not None:
                d.options[option.name] = value
        if is_sound(d):
            return d.options
        wanted = ()  # they may contradict on every value here


def missing_pairs(checkpoint, strategy, seen):
    """The pairs that may be drawn there and have hardly met; `seen` counts the pairs of all cases."""
    names = [o.name for o in OPTIONS if drawable(o.name, checkpoint, strategy)]
    return [pair for pair in pairs(names) if may_meet(*pair) and seen[pair] < 2]


def draw_options(d, seen):
    """Options for one case: pairs that are missing are brought together."""
    missing = missing_pairs(d.checkpoint, d.strategy, seen)
    choices = [sound_options(d, d.rng.choice(missing) if missing else ()) for _ in range(5 if missing else 1)]
    options = max(choices, key=lambda found: sum(seen[pair] < 2 for pair in pairs(drawn_names(found))))
    seen.update(pairs(drawn_names(options)))
    return options


def drawn_names(options):
    """The options of a case that were drawn."""
    return [name for name in options if name in BY_NAME]


def without(options, name):
    """The options of a case less one, and less those that need it."""
    left = {key: value for key, value in options.items() if key != name}
    for option in OPTIONS:
        if option.name in left and name in option.needs and STRATEGY_MAKERS & {name}:
            del left[option.name]
    if "num_beams" not in left:
        gone = BEAMS_ONLY if left["do_sample"] else (*BEAMS_ONLY, "num_return_sequences")
        left = {key: value for key, value in left.items() if key not in gone}
    left |= BY_NAME[name].unset
    if "max_new_tokens" not in left and "max_length" not in left:
        left["max_new_tokens"] = 20
    return left


STRATEGY_MAKERS = {name for strategy in STRATEGIES.values() for name in strategy.always}
