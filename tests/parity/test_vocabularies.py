"""`skald tokenize` on real vocabularies: those that llama.cpp carries to test its own tokenizers.

SKALD_LLAMA_CPP_MODELS is the folder `models` of a llama.cpp source tree (in llama-cpp-python's source: vendor/llama.cpp/models).
Each ggml-vocab-NAME.gguf with NAME.gguf.inp and .out must give the ids of .out; where transformers reads the file, its ids.
"""

import json
import os
import pathlib
import random
import subprocess

import pytest
from test_tokenizer import CLI, KINDS

MODELS = os.environ.get("SKALD_LLAMA_CPP_MODELS")
FILES = sorted(pathlib.Path(MODELS).glob("ggml-vocab-*.gguf")) if MODELS else []
SEPARATOR = "\n__ggml_vocab_test__\n"
STRINGS = 2_000  # for each vocabulary
pytestmark = pytest.mark.skipif(not FILES, reason="SKALD_LLAMA_CPP_MODELS names no llama.cpp models folder")


def tokenize(model, texts, tmp_path, *flags):
    batch = tmp_path / "texts.jsonl"
    batch.write_text("".join(json.dumps(text) + "\n" for text in texts))
    arguments = [CLI, "tokenize", str(model), "--batch-file", str(batch), "--json", *flags]
    out = subprocess.run(arguments, capture_output=True, check=True).stdout.decode()
    return [json.loads(line) for line in out.split("\n") if line]


def decode(model, ids):
    arguments = [CLI, "tokenize", str(model), "--decode", ",".join(map(str, ids)), "--json"]
    return json.loads(subprocess.run(arguments, capture_output=True, check=True).stdout)["text"]


@pytest.mark.parametrize("path", [p for p in FILES if pathlib.Path(f"{p}.inp").exists()], ids=lambda p: p.stem)
def test_gives_the_files_own_ids(path, tmp_path):
    texts = pathlib.Path(f"{path}.inp").read_bytes().decode().split(SEPARATOR)
    wanted = [[int(i) for i in line.split()] for line in pathlib.Path(f"{path}.out").read_text().split("\n")]
    got = tokenize(path, texts, tmp_path, "--no-special-tokens", "--plain")
    assert len(texts) <= len(wanted)
    wrong = [(text, g["ids"], w) for text, g, w in zip(texts, got, wanted) if g["ids"] != w]
    assert not wrong, (len(wrong), wrong[0])


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_reads_every_vocabulary(path, tmp_path):
    draw = random.Random(path.stem)
    texts = ["".join(draw.choice(KINDS)(draw) for _ in range(4)) for _ in range(300)]
    for text, tokens in zip(texts, tokenize(path, texts, tmp_path)):
        assert tokens["ids"] and all(0 <= a <= b <= len(text.encode()) for a, b in tokens["offsets"]), repr(text)


def reference(path):
    """What transformers makes of the file; None where it does not know it."""
    transformers = pytest.importorskip("transformers")
    try:
        return transformers.AutoTokenizer.from_pretrained(str(path.parent), gguf_file=path.name)
    except Exception as error:  # noqa: BLE001: it raises what it likes on files that it does not know
        pytest.skip(f"transformers does not read it: {str(error)[:100]}")


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_same_as_transformers(path, tmp_path):
    tokenizer = reference(path)
    draw = random.Random(path.stem)
    texts = ["".join(draw.choice(KINDS)(draw) for _ in range(draw.choice([1, 2, 4, 7]))) for _ in range(STRINGS)]
    got = tokenize(path, texts, tmp_path, "--no-special-tokens")
    wrong = [
        (text, g["ids"], w)
        for text, g in zip(texts, got)
        if g["ids"] != (w := tokenizer.encode(text, add_special_tokens=False))
    ]
    assert not wrong, (len(wrong), wrong[0])
