"""Drawn tokenizer.json files: any model with any chain of stages, and added tokens with any flags."""

import base64
import json
from pathlib import Path

DATA = Path(__file__).resolve().parents[1] / "data" / "tokenizers"
LETTERS = ["a", "b", "c", "t", "h", "e", "A", "T", "1", "2", " ", "\u2581", "\u0120", ".", ",", "'", "-", "_", "\n"]
LETTERS += ["\u00e9", "\u00df", "\u4e2d", "\U0001f468", "\u0301", "\u0130", "\u0e01", "#"]
PATTERNS = [
    r"\s+", r"\p{L}+", r"[a-c]+", r"\d", r"\p{N}{1,3}", r"[^\s\w]+", r" ?\p{L}+| ?\p{N}+|\s+(?!\S)|\s+", "a|the|th",
    r"\b", r"(?i:THE|'s)", r"\w+|[^\w\s]+", r"[\r\n]", "e$", "^a", r"(?<=a)b", r"b(?=c)", "a{2,3}", "(?:ab)+?", ".",
    "[[:alpha:]]+", "[[:^space:]]+", "[^[:punct:][:space:]]+", "(?i)[[:upper:]]", "[[:digit:]]{1,3}|[[:word:]]+",
]  # fmt: skip
STRINGS = [" ", "a", "th", "aa", "\u2581", "--", "\n", "'", "\u00e9", "ab", "  "]
BEHAVIORS = ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"]
WORDS = [
    "the",
    "that",
    "cat",
    "a",
    "ab",
    "abc",
    "bb",
    "he",
    "T",
    "At",
    "12",
    "\u00e9t",
    "\u4e2d\u4e2d",
    "th",
    "tea",
    "eat",
]
NEW = [
    "<s>",
    "</s>",
    "[CLS]",
    "[SEP]",
    "[UNK]",
    "the",
    "a b",
    "ab",
    "\u00c9",
    "  ",
    "<x>y",
    "<x>",
    "\u2581t",
    "\n",
    "'s",
    "e",
]


def flag(draw):
    return draw.random() < 0.5


def pattern(draw):
    return {"Regex": draw.choice(PATTERNS)} if flag(draw) else {"String": draw.choice(STRINGS)}


def charsmap():
    normalizer = json.loads((DATA / "unigram" / "tokenizer.json").read_text())["normalizer"]
    found = [n for n in [normalizer, *normalizer.get("normalizers", [])] if n["type"] == "Precompiled"]
    return found[0]["precompiled_charsmap"] if found else base64.b64encode(bytes(4)).decode()


def normalizer(draw):
    kind = draw.choice(
        ["NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents", "Nmt", "Strip", "Prepend", "Replace", "Replace"]
        + ["ByteLevel", "BertNormalizer", "Precompiled"]
    )
    fields = {
        "Strip": lambda: {"strip_left": flag(draw), "strip_right": flag(draw)},
        "Prepend": lambda: {"prepend": draw.choice(STRINGS)},
        "Replace": lambda: {"pattern": pattern(draw), "content": draw.choice(["", *STRINGS])},
        "Precompiled": lambda: {"precompiled_charsmap": charsmap()},
        "BertNormalizer": lambda: {
            "clean_text": flag(draw),
            "handle_chinese_chars": flag(draw),
            "strip_accents": draw.choice([None, True, False]),
            "lowercase": flag(draw),
        },
    }
    return {"type": kind, **fields.get(kind, dict)()}


def metaspace(draw):
    scheme = draw.choice(["always", "never", "first"])
    return {
        "type": "Metaspace",
        "replacement": draw.choice(["\u2581", "_"]),
        "prepend_scheme": scheme,
        "split": flag(draw),
    }


def byte_level(draw):
    return {n: flag(draw) for n in ("add_prefix_space", "trim_offsets", "use_regex")}


def pre_tokenizer(draw):
    kind = draw.choice(
        ["ByteLevel", "Split", "Split", "Split", "Metaspace", "Digits", "Punctuation", "Whitespace", "WhitespaceSplit"]
        + ["BertPreTokenizer", "CharDelimiterSplit", "FixedLength", "UnicodeScripts"]
    )
    fields = {
        "ByteLevel": lambda: byte_level(draw),
        "Split": lambda: {"pattern": pattern(draw), "behavior": draw.choice(BEHAVIORS), "invert": flag(draw)},
        "Metaspace": lambda: metaspace(draw),
        "Digits": lambda: {"individual_digits": flag(draw)},
        "Punctuation": lambda: {"behavior": draw.choice(BEHAVIORS)},
        "CharDelimiterSplit": lambda: {"delimiter": draw.choice("a e\u00e9.")},
        "FixedLength": lambda: {"length": draw.randint(1, 4)},
    }
    return {"type": kind, **fields.get(kind, dict)()}


def decoder(draw):
    kind = draw.choice(
        ["ByteLevel", "ByteFallback", "Metaspace", "Fuse", "Replace", "Strip", "BPEDecoder", "WordPiece", "CTC"]
    )
    fields = {
        "ByteLevel": lambda: byte_level(draw),
        "Metaspace": lambda: metaspace(draw),
        "Replace": lambda: {"pattern": pattern(draw), "content": draw.choice(["", *STRINGS])},
        "Strip": lambda: {"content": draw.choice(" a\u2581"), "start": draw.randrange(3), "stop": draw.randrange(3)},
        "BPEDecoder": lambda: {"suffix": draw.choice(["</w>", "e"])},
        "WordPiece": lambda: {"prefix": draw.choice(["##", "a"]), "cleanup": flag(draw)},
        "CTC": lambda: {"pad_token": "a", "word_delimiter_token": draw.choice(["b", "|"]), "cleanup": flag(draw)},
    }
    return {"type": kind, **fields.get(kind, dict)()}


def chain(draw, one, key, most=3):
    """One stage, several, or none."""
    count = draw.choice([0, 1, 1, *range(2, most + 1)])
    if count == 0:
        return None
    return one(draw) if count == 1 else {"type": "Sequence", key: [one(draw) for _ in range(count)]}


def vocabulary(draw):
    """Letters, and what is made of two that are there; the merges are those pairs."""
    tokens = draw.sample(LETTERS, draw.randint(8, len(LETTERS)))
    if flag(draw):
        tokens += [f"<0x{byte:02X}>" for byte in range(256)]
    merges = []
    for _ in range(draw.randrange(30)):
        left, right = (draw.choice([t for t in tokens if t[0] != "<"]) for _ in range(2))
        if [left, right] not in merges:
            merges.append([left, right])
            tokens += [left + right] * (left + right not in tokens)
    return tokens, merges


def bpe(draw):
    tokens, merges = vocabulary(draw)
    unknown = draw.choice([None, "<unk>"])
    prefix, suffix = draw.choice([None, None, "##"]), draw.choice([None, None, "</w>"])
    if prefix or suffix:  # merges of such tokens need other names: words alone, then
        tokens += [t for word in tokens for t in [f"{prefix or ''}{word}", f"{word}{suffix or ''}"] if word[0] != "<"]
        tokens, merges = list(dict.fromkeys(tokens)), []
    numbers = {token: i for i, token in enumerate([*tokens, *([unknown] if unknown else [])])}
    return {
        "type": "BPE",
        "dropout": None,
        "unk_token": unknown,
        "continuing_subword_prefix": prefix,
        "end_of_word_suffix": suffix,
        "fuse_unk": flag(draw),
        "byte_fallback": flag(draw),
        "ignore_merges": flag(draw),
        "vocab": numbers,
        "merges": merges,
    }


def unigram(draw):
    tokens = [t for t in dict.fromkeys(["<unk>", *vocabulary(draw)[0], *draw.sample(WORDS, 8)])]
    scores = [[t, 0.0 if t == "<unk>" else -draw.random() * 12] for t in tokens]
    return {"type": "Unigram", "unk_id": 0, "vocab": scores, "byte_fallback": flag(draw)}


def word_piece(draw):
    prefix = draw.choice(["##", "##", "", "e"])
    tokens = ["[UNK]", *LETTERS, *WORDS, *(prefix + t for t in [*LETTERS, *WORDS])]
    numbers = {t: i for i, t in enumerate(dict.fromkeys(draw.sample(tokens, len(tokens) * 2 // 3) + ["[UNK]"]))}
    limit = draw.choice([1, 3, 100])
    fields = {"unk_token": "[UNK]", "continuing_subword_prefix": prefix, "max_input_chars_per_word": limit}
    return {"type": "WordPiece", **fields, "vocab": numbers}


def word_level(draw):
    numbers = {t: i for i, t in enumerate(dict.fromkeys(["<unk>", *draw.sample([*WORDS, *LETTERS], 20)]))}
    return {"type": "WordLevel", "vocab": numbers, "unk_token": "<unk>"}


def added_tokens(draw, known, first):
    out, number = [], first
    for content in draw.sample(NEW, draw.randrange(5)):
        names = ("single_word", "lstrip", "rstrip", "normalized", "special")
        place = known.get(content, number)
        number += place == number
        out.append({"id": place, "content": content, **{name: draw.random() < 0.4 for name in names}})
    return sorted(out, key=lambda token: token["id"])


def post_processor(draw, ids):
    """One that adds tokens, one that trims offsets, or both."""
    trims = {"type": "ByteLevel", **byte_level(draw)}
    adds = adding(draw, ids)
    return draw.choice([None, trims, adds, {"type": "Sequence", "processors": draw.sample([trims, adds], 2)}])


def adding(draw, ids):
    first, second = (draw.choice(sorted(ids)) for _ in range(2))
    kind = draw.choice(["BertProcessing", "RobertaProcessing", "TemplateProcessing"])
    ends = {"sep": [first, ids[first]], "cls": [second, ids[second]]}
    special = [{"SpecialToken": {"id": name, "type_id": draw.randrange(2)}} for name in (first, second)]
    sequence = {"Sequence": {"id": "A", "type_id": 0}}
    fields = {
        "BertProcessing": lambda: ends,
        "RobertaProcessing": lambda: {**ends, "trim_offsets": flag(draw), "add_prefix_space": flag(draw)},
        "TemplateProcessing": lambda: {
            "single": draw.choice([[special[0], sequence], [sequence, special[1]], [*special, sequence, special[0]]]),
            "pair": [sequence, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {n: {"id": n, "ids": [ids[n]], "tokens": [n]} for n in (first, second)},
        },
    }
    return {"type": kind, **fields[kind]()}


def tokenizer(draw):
    model = draw.choice([bpe, bpe, unigram, word_piece, word_level])(draw)
    vocab = model["vocab"]
    ids = {t: i for i, (t, _) in enumerate(vocab)} if isinstance(vocab, list) else dict(vocab)
    added = added_tokens(draw, ids, max(ids.values()) + 1)
    ids |= {token["content"]: token["id"] for token in added}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": chain(draw, normalizer, "normalizers"),
        "pre_tokenizer": chain(draw, pre_tokenizer, "pretokenizers"),
        "post_processor": post_processor(draw, ids),
        "decoder": chain(draw, decoder, "decoders", 4),
        "model": model,
    }


def text(draw):
    pieces = [
        *LETTERS * 2,
        *WORDS * 2,
        *NEW,
        *STRINGS,
        " ",
        " ",
        " ",
        "\t",
        "\r\n",
        "\u3000",
        "\u00a0",
        "\u1100\u1161",
        "\ufb01",
    ]
    pieces += [
        "\u200d",
        "\U0001f1e9\U0001f1ea",
        "\x00",
        "\u0e33",
        "\u212b",
        "\u0323",
        "don't",
        "\u017f",
        "\u01c5",
        "\uff21",
        "<0x41>",
    ]
    return "".join(draw.choice(pieces) for _ in range(draw.randrange(24)))
