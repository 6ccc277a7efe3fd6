"""The texts that fuzzing has found (fuzz/encode.cc), and those of the seeds, in `tokenizers` and `sentencepiece`.

    ./dev fuzz encode
    SKALD_CLI=build/release/cli/skald pytest tests/parity/test_fuzzed_texts.py

SKALD_FUZZ_TEXTS is the folder of texts, build/fuzz/corpus/encode where it is not set.
"""

import json
import os
import pathlib
import re

import pytest
from test_tokenizer import FIXTURES, ROOT, run

tokenizers = pytest.importorskip("tokenizers", minversion="0.23")
CORPUS = pathlib.Path(os.environ.get("SKALD_FUZZ_TEXTS", ROOT / "build" / "fuzz" / "corpus" / "encode"))
HARNESS = (ROOT / "fuzz" / "encode.cc").read_text()
NAMES = re.findall(r'"([a-z0-9-]+)"', HARNESS[HARNESS.index("for (const char* name") : HARNESS.index("out.push_back")])


def texts():
    """The texts that are UTF-8, each once."""
    found = set()
    for path in sorted([*CORPUS.glob("*"), *(ROOT / "fuzz" / "seeds" / "encode").iterdir()]):
        try:
            found.add(path.read_bytes()[1:].decode())
        except UnicodeDecodeError:
            continue
    return sorted(found)


def reference(folder):
    if (folder / "tokenizer.json").exists():
        tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return (), lambda text: tokenizer.encode(text).ids
    sentencepiece = pytest.importorskip("sentencepiece")
    processor = sentencepiece.SentencePieceProcessor(model_file=str(folder / "spiece.model"))
    return ("--plain", "--no-special-tokens"), processor.encode


@pytest.mark.parametrize("name", NAMES)
def test_same_as_the_reference(name, tmp_path):
    flags, encode = reference(FIXTURES / name)
    inputs = texts()
    batch = tmp_path / "texts.jsonl"
    batch.write_text("".join(json.dumps(text) + "\n" for text in inputs))
    lines = run(FIXTURES / name, "--batch-file", batch, "--json", *flags).split("\n")[:-1]
    for text, line in zip(inputs, lines, strict=True):
        assert json.loads(line)["ids"] == encode(text), repr(text)
