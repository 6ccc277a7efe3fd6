"""Tokens that tokenizer_config.json, special_tokens_map.json and added_tokens.json add to those of tokenizer.json:
`skald tokenize` against transformers' AutoTokenizer, on drawn files.

    ./dev test --parity -k added_tokens
"""

import json
import os
import pathlib
import random
import subprocess

import pytest

transformers = pytest.importorskip("transformers")

ROOT = pathlib.Path(__file__).resolve().parents[2]
CLI = os.environ.get("SKALD_CLI", str(ROOT / "build" / "release" / "cli" / "skald"))
VOCABULARY = ["a", "b", "ab", "c", "<", ">", "s", "/", "</s>", "x", "y", "z", " "]
NEW = ["<z>", "<new>", "yy", "</z>", "zz", "[x]"]
ROLES = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"]
TEXTS = ["ab</s>c <new> <z>x", "xyyzzz </z> a<z>b", "  <z>  c [x] x</s>y <new>"]


def token(draw, content):
    flags = {name: draw.random() < 0.3 for name in ("lstrip", "rstrip", "normalized", "single_word")}
    return {"content": content, "special": draw.random() < 0.5, **flags}


def draw_files(draw):
    """tokenizer.json and some of the files beside it. A role is given to tokens that exist somewhere: what else is
    named, the reference adds, and Skald leaves out, as no model has a row for it."""
    vocabulary = {text: i for i, text in enumerate(VOCABULARY)}
    listed = draw.sample(NEW, draw.randrange(3))
    added = [{"id": len(VOCABULARY) + i, **token(draw, text)} for i, text in enumerate(listed)]
    model = {"type": "BPE", "vocab": vocabulary, "merges": ["a b"]}
    files = {"tokenizer.json": {"version": "1.0", "added_tokens": added, "decoder": {"type": "Fuse"}, "model": model}}
    others = draw.sample(NEW + ["c", "</s>"], draw.randrange(4))
    roles = {name: draw.choice(VOCABULARY + listed) for name in draw.sample(ROLES, draw.randrange(4))}
    config = {"tokenizer_class": "PreTrainedTokenizerFast", **roles}
    if draw.random() < 0.6:
        places = draw.sample(range(len(VOCABULARY), 40), len(others))
        config["added_tokens_decoder"] = {str(i): token(draw, text) for i, text in zip(places, others)}
    elif draw.random() < 0.7:
        places = draw.sample(range(len(VOCABULARY) + len(listed), 40), len(others))
        files["added_tokens.json"] = {t: i for i, t in zip(places, others) if t not in listed}
    if draw.random() < 0.4:
        names = draw.sample(ROLES, 2)
        files["special_tokens_map.json"] = {name: draw.choice(VOCABULARY + listed) for name in names}
    return {**files, "tokenizer_config.json": config}


def skald(folder, *arguments):
    done = subprocess.run([CLI, "tokenize", folder, *arguments], capture_output=True, timeout=60, check=True)
    return done.stdout.decode()


@pytest.mark.parametrize("seed", range(60))
def test_added_tokens(seed, tmp_path):
    draw = random.Random(seed)
    for name, content in draw_files(draw).items():
        (tmp_path / name).write_text(json.dumps(content))
    reference = transformers.AutoTokenizer.from_pretrained(tmp_path)
    for text in TEXTS:
        ids = reference.encode(text, add_special_tokens=False)
        assert json.loads(skald(tmp_path, text, "--json"))["ids"] == ids, text
