"""Drawn tokenizer.json files beside `tokenizers`: ids, tokens, offsets and decoded texts of drawn strings.

    SKALD_CLI=build/release/cli/skald SKALD_SEED=7 SKALD_CASES=5000 pytest tests/parity/test_drawn_tokenizers.py

Without SKALD_SEED and SKALD_CASES: a few hundred cases, the same in every run. What differs is shown with as few stages
and as short a text as still differ.
"""

import json
import os
import random
import subprocess

import drawn_tokenizers
import pytest
from test_tokenizer import CLI, in_bytes

tokenizers = pytest.importorskip("tokenizers", minversion="0.23")

SEED, CASES = os.environ.get("SKALD_SEED", "1"), int(os.environ.get("SKALD_CASES", "300"))
TEXTS = 12  # for each file


def skald(folder, *arguments):
    done = subprocess.run([CLI, "tokenize", str(folder), *arguments], capture_output=True, timeout=60)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def expected(reference, text):
    encoding = reference.encode(text)
    return {
        "ids": encoding.ids,
        "tokens": [reference.id_to_token(i) for i in encoding.ids],
        "offsets": in_bytes(text, encoding.offsets),
    }


def own_places(spec):
    """Whether the reference's offsets are those of the text. They are not behind a character that a BPE model without
    an unknown token drops, nor of the bytes of a character that has a prefix too; and what a post-processor trims
    depends on how a token is written that is no token, or was trimmed before."""
    model, text = spec["model"], json.dumps(spec["post_processor"])
    trims = text.count('"trim_offsets": true')
    if model["type"] == "BPE":
        prefixed = model["continuing_subword_prefix"] or model["end_of_word_suffix"]
        trimmed_once = trims == 0 or (trims == 1 and spec["normalizer"] is None)
        return model["unk_token"] is not None and not (model["byte_fallback"] and prefixed) and trimmed_once
    return trims == 0


def settled(spec, text):
    """Whether the reference gives the same ids each time that it reads the file: of added tokens that normalize into
    the same text it finds any."""
    readings = (tokenizers.Tokenizer.from_str(json.dumps(spec)) for _ in range(16))
    return len({tuple(reference.encode(text).ids) for reference in readings}) == 1


def difference(spec, texts, folder):
    """What is not the same, with its text; None where all is, or where the reference has no answer."""
    try:
        reference, again = (tokenizers.Tokenizer.from_str(json.dumps(spec)) for _ in range(2))
        if any(reference.token_to_id(token["content"]) != token["id"] for token in spec["added_tokens"]):
            return None  # the reference numbers added tokens itself where the file's numbers have gaps
        wanted = [expected(reference, text) for text in texts]
        if any(again.encode(text).ids != want["ids"] for text, want in zip(texts, wanted)):
            return None  # of added tokens that the normalizer makes the same, the reference takes any
        decoded = [reference.decode(want["ids"], skip_special_tokens=False) for want in wanted[:2]]
    except BaseException as error:  # the reference panics on some
        if isinstance(error, KeyboardInterrupt):
            raise
        return None
    (folder / "tokenizer.json").write_text(json.dumps(spec))
    batch = folder / "texts.jsonl"
    batch.write_text("".join(json.dumps(text) + "\n" for text in texts))
    code, out, err = skald(folder, "--batch-file", str(batch), "--json")
    if code != 0:
        return err.strip(), texts[:1]
    for text, line, want in zip(texts, out.split("\n"), wanted):
        got = json.loads(line)
        places = own_places(spec)
        for field, value in want.items():
            if field == "offsets" and not places:
                continue
            if got[field] != value and settled(spec, text):
                return f"{field}: {got[field]}, not {value}", [text]
    for text, want, whole in zip(texts, wanted, decoded):
        code, out, err = skald(folder, "--decode", ",".join(map(str, want["ids"]))) if want["ids"] else (0, whole, "")
        if out not in (whole, whole + "\n"):
            return f"decoded: {out!r} {err}, not {whole!r}", [text]
    return None


def smaller(spec, text):
    """The same with one thing less."""
    for key, inner in [("normalizer", "normalizers"), ("pre_tokenizer", "pretokenizers"), ("decoder", "decoders")]:
        if spec[key] is not None:
            yield {**spec, key: None}, text
            for i in range(len(spec[key].get(inner, []))):
                rest = spec[key][inner][:i] + spec[key][inner][i + 1 :]
                yield {**spec, key: {"type": "Sequence", inner: rest}}, text
    if spec["post_processor"] is not None:
        yield {**spec, "post_processor": None}, text
    for i in range(len(spec["added_tokens"])):
        yield {**spec, "added_tokens": spec["added_tokens"][:i] + spec["added_tokens"][i + 1 :]}, text
    if spec["model"].get("merges"):
        for i in range(len(spec["model"]["merges"])):
            merges = spec["model"]["merges"][:i] + spec["model"]["merges"][i + 1 :]
            yield {**spec, "model": {**spec["model"], "merges": merges}}, text
    for size in (8, 4, 2, 1):
        for i in range(0, len(text), size):
            yield spec, text[:i] + text[i + size :]


def shrunk(spec, text, said, folder):
    found = True
    while found:
        found = False
        for candidate, shorter in smaller(spec, text):
            other = difference(candidate, [shorter], folder)
            if other and other[0].split(":")[0] == said.split(":")[0]:
                spec, text, found = candidate, shorter, True
                break
    return spec, text


def test_drawn_tokenizers(tmp_path):
    for case in range(CASES):
        draw = random.Random(f"{SEED}-{case}")
        spec = drawn_tokenizers.tokenizer(draw)
        texts = [drawn_tokenizers.text(draw) for _ in range(TEXTS)]
        if found := difference(spec, texts, tmp_path):
            spec, text = shrunk(spec, found[1][0], found[0], tmp_path)
            said = difference(spec, [text], tmp_path) or found
            pytest.fail(f"seed {SEED}, case {case}, {text!r}: {said[0]}\n{json.dumps(spec, ensure_ascii=False)}")


POSIX = "alnum alpha ascii blank cntrl digit graph lower print punct space upper word xdigit".split()
CLASSES = [pattern for name in POSIX for pattern in (f"[[:{name}:]]+", f"[[:^{name}:]]", f"(?i)[a[:{name}:]]+")]
CLASSES += [
    "[^[:alpha:]]+",
    "[[:alpha:]&&[^a-m]]+",
    "[[:alpha:][:digit:]]+",
    "[[:alpha]]+",
    "[[:foo]a:]+",
    "[a[:digit:]b]",
    "[[::]a]",
    *(f"(?i){one}" for one in ["k", "\u03c3", "\u00b5", "\u0345", "\u1c80", "\u10a0", "\ua7d2", "\\x{e5}", "[j-l]"]),
    *(f"(?i){several}" for several in [r"\p{Lu}", r"[\p{Lu}]", r"[^\p{Lu}]", r"\w", "[[:^upper:]]", "[^[:upper:]]"]),
]


@pytest.mark.parametrize("pattern", CLASSES)
def test_classes_are_those_of_the_reference(pattern, tmp_path):
    characters = [
        c for c in [*range(0x3000), *range(0xA640, 0xA800), *range(0x3000, 0x110000, 61)] if not 0xD800 <= c < 0xE000
    ]
    text = "".join(map(chr, characters))
    split = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}
    model = {"type": "WordLevel", "vocab": {"?": 0}, "unk_token": "?"}
    spec = {"model": model, "pre_tokenizer": split}
    (tmp_path / "tokenizer.json").write_text(json.dumps(spec))
    (tmp_path / "text.txt").write_bytes(text.encode())
    code, out, err = skald(tmp_path, "--file", str(tmp_path / "text.txt"), "--json")
    assert code == 0, err
    pieces = tokenizers.Tokenizer.from_str(json.dumps(spec)).pre_tokenizer.pre_tokenize_str(text)
    assert json.loads(out)["offsets"] == in_bytes(text, [span for _, span in pieces])


@pytest.mark.parametrize("pattern", ["[[:foo:]]", "[[:ALPHA:]]", "[[:^foo:]]", "[[:aalpha:]]", "[[:^:]]", "[[:alpha:]"])
def test_what_the_reference_refuses_is_refused(pattern, tmp_path):
    split = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}
    spec = {"model": {"type": "WordLevel", "vocab": {"?": 0}, "unk_token": "?"}, "pre_tokenizer": split}
    with pytest.raises(Exception, match="Oniguruma"):
        tokenizers.Tokenizer.from_str(json.dumps(spec))
    (tmp_path / "tokenizer.json").write_text(json.dumps(spec))
    code, _, err = skald(tmp_path, "x")
    assert code == 2 and "pre_tokenizer.pattern.Regex" in err
