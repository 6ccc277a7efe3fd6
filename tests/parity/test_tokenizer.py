"""`skald tokenize` against `tokenizers` itself: ids, tokens, offsets and decoded texts of drawn strings.

    SKALD_CLI=build/release/cli/skald SKALD_SEED=7 SKALD_STRINGS=10000 pytest tests/parity/test_tokenizer.py

Without SKALD_SEED the strings are the same in every run; without SKALD_STRINGS there are 10,000 for each kind of
tokenizer, and fewer for the others.
"""

import json
import os
import pathlib
import random
import subprocess

import pytest

tokenizers = pytest.importorskip("tokenizers", minversion="0.23")

ROOT = pathlib.Path(__file__).resolve().parents[2]
CLI = os.environ.get("SKALD_CLI", str(ROOT / "build" / "release" / "cli" / "skald"))
FIXTURES = ROOT / "tests" / "data" / "tokenizers"
NAMES = sorted(path.parent.name for path in FIXTURES.glob("*/tokenizer.json"))
NAMES += [str(path.parent) for path in sorted(ROOT.glob("models/*/tokenizer.json"))]
SEED = os.environ.get("SKALD_SEED", "")
STRINGS = int(os.environ.get("SKALD_STRINGS", "1500"))  # for each tokenizer of a kind that several have
ALL_STRINGS = int(os.environ.get("SKALD_STRINGS", "10000"))  # for those that stand for a kind
KIND_NAMES = {"gpt2", "llama2", "bert", "wordlevel", "unigram", "unigram-bytes", "clip", "ctc"}

CODE = [
    "def f(x):\n    return x+1\n",
    "for(i=0;i<10;++i){a[i]*=2;}",
    "\t\tif x != 'y': pass  # note\n",
    "a_b-c.d/e\\f",
    '<p class="q">',
]
WORDS = [
    "'s",
    "'S",
    "'\u017f",
    "'ll",
    "'LL",
    "'re ",
    "don't",
    "I'VE",
    "HTTPServer",
    "camelCaseABCdef",
    "\u01c5a\u01c8",
    "\u00aa\u00ba\u02b0",
    "//\n/",
    "!!!\n/\n",
]
SPECIAL = [
    "<s>",
    "</s>",
    "<|endoftext|>",
    "<|eot_id|>",
    "<|im_start|>",
    "<mask>",
    "[SEP]",
    "king",
    "<unk>",
    "<0x41>",
    "\u2581",
]
SPACES = " \t\n\r\u00a0\u3000\u2028\x0b\x85  \n "
RECENT = [
    0x1C89,
    0x1C8A,
    0xA7CB,
    0xA7DA,
    0x10D40,
    0x10D50,
    0x105C9,
    0x105D2,
    0x11383,
    0x2EBF0,
    0x31350,
    0x1E4D0,
    0x11F50,
    0x1CCD6,
    0x16EBB,
]


def characters(draw, low, high, count):
    return "".join(chr(c) for c in (draw.randrange(low, high) for _ in range(count)) if not 0xD800 <= c < 0xE000)


def emoji(draw):
    return "".join(
        chr(draw.choice([draw.randrange(0x1F300, 0x1FAFF), 0x200D, 0xFE0F, 0x1F3FB, 0x1F1E6 + draw.randrange(26)]))
        for _ in range(6)
    )


def accented(draw):
    return "".join(
        draw.choice("e\u00e9EaA\u00f1\u00f6c") + characters(draw, 0x300, 0x370, draw.randrange(3)) for _ in range(5)
    )


KINDS = [
    lambda d: characters(d, 0x20, 0x7F, d.randrange(1, 30)),
    lambda d: "".join(d.choice(SPACES) for _ in range(d.randrange(1, 9))),
    lambda d: "".join(d.choice("etaoin shrdlu ETA.,'") for _ in range(d.randrange(1, 40))),
    lambda d: characters(d, 0x4E00, 0xA000, 5) + characters(d, 0x3040, 0x3100, 4),
    lambda d: characters(d, 0x600, 0x700, 7),
    lambda d: characters(d, 0x900, 0x980, 7),
    lambda d: characters(d, 0xE00, 0xE80, 7),
    lambda d: characters(d, 0xAC00, 0xD7A4, 4) + characters(d, 0x1100, 0x1200, 3),
    lambda d: characters(d, 0xA0, 0x2000, 8),
    lambda d: characters(d, 0, 0x110000, 5),
    lambda d: "".join(chr(d.choice(RECENT)) for _ in range(4)),
    lambda d: str(d.randrange(10 ** d.randrange(1, 14))),
    lambda d: d.choice(CODE), lambda d: d.choice(WORDS), lambda d: d.choice(SPECIAL), emoji, accented,
]  # fmt: skip


def strings(seed, count=STRINGS):
    draw = random.Random(f"{seed}{SEED}")
    yield from (chr(c) for c in range(256))
    yield ""
    for _ in range(count - 257):
        yield "".join(draw.choice(KINDS)(draw) for _ in range(draw.choice([1, 1, 2, 4, 7])))


def run(*arguments):
    return subprocess.run([CLI, "tokenize", *map(str, arguments)], capture_output=True, check=True).stdout.decode()


def in_bytes(text, spans):
    place = [0]
    for character in text:
        place.append(place[-1] + len(character.encode()))
    return [[place[a], place[b]] for a, b in spans]


@pytest.mark.parametrize("name", NAMES)
def test_same_as_tokenizers(name, tmp_path):
    folder = FIXTURES / name
    reference = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    reference.no_truncation()  # settings of a file are applied where asked for
    reference.no_padding()
    texts = list(strings(name, ALL_STRINGS if name in KIND_NAMES else STRINGS))
    batch = tmp_path / "texts.jsonl"
    batch.write_text("".join(json.dumps(text) + "\n" for text in texts))
    lines = run(folder, "--batch-file", batch, "--json").split("\n")[:-1]
    assert len(lines) == len(texts)
    for text, line in zip(texts, lines):
        got, want = json.loads(line), reference.encode(text)
        assert got["ids"] == want.ids, repr(text)
        assert got["tokens"] == [reference.id_to_token(i) for i in want.ids], repr(text)
        assert got["offsets"] == in_bytes(text, want.offsets), repr(text)


@pytest.mark.parametrize("name", NAMES)
def test_decodes_as_tokenizers(name):
    folder = FIXTURES / name
    reference = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    draw = random.Random(f"{name}{SEED}")
    for _ in range(30):
        ids = [draw.randrange(reference.get_vocab_size()) for _ in range(draw.randrange(1, 40))]
        want = reference.decode(ids, skip_special_tokens=False)
        assert run(folder, "--decode", ",".join(map(str, ids))) in (want, want + "\n"), ids


PIECE_MODELS = {
    "unigram": dict(model_type="unigram", user_defined_symbols=["<user>", " the ", "ing"]),
    "unigram-bytes": dict(model_type="unigram", byte_fallback=True, normalization_rule_name="nfkc_cf"),
    "bpe": dict(
        model_type="bpe", byte_fallback=True, normalization_rule_name="identity", remove_extra_whitespaces=False
    ),
    "bpe-unknown": dict(model_type="bpe", split_by_whitespace=False, user_defined_symbols=["<user>", "ing", "in"]),
    "char": dict(model_type="char", add_dummy_prefix=False),
}


def trained_pieces(name, path):
    """A model of SentencePiece with its usual charsmap, learnt from the project's own pages."""
    sentencepiece = pytest.importorskip("sentencepiece")
    lines = [line for page in sorted(ROOT.glob("docs/*.md")) for line in page.read_text().splitlines() if line]
    options = dict(vocab_size=900, character_coverage=0.995, hard_vocab_limit=False, num_threads=1, minloglevel=2)
    with open(path, "wb") as file:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(lines), model_writer=file, **options, **PIECE_MODELS[name]
        )
    return sentencepiece.SentencePieceProcessor(model_file=str(path))


@pytest.mark.parametrize("name", PIECE_MODELS)
def test_same_as_sentencepiece(name, tmp_path):
    reference = trained_pieces(name, tmp_path / "tokenizer.model")
    texts = [*strings(name, ALL_STRINGS), *(f"{a}<user>{b}" for a, b in zip(strings(1), strings(2)))]
    batch = tmp_path / "texts.jsonl"
    batch.write_text("".join(json.dumps(text) + "\n" for text in texts))
    lines = run(tmp_path, "--batch-file", batch, "--json", "--plain", "--no-special-tokens").split("\n")[:-1]
    wrong = []
    for text, line in zip(texts, lines, strict=True):
        got, want = json.loads(line), reference.encode(text)
        if got["ids"] != want:
            wrong.append((text, got["tokens"], reference.encode(text, out_type=str)))
    assert not wrong, (len(wrong), wrong[0])
    for text in texts[300:330]:
        ids = [i for i in reference.encode(text) if not reference.is_unknown(i)]
        if ids:
            want = reference.decode(ids)
            assert run(tmp_path, "--decode", ",".join(map(str, ids))) in (want, want + "\n"), text
