#!/usr/bin/env python3
"""Skald's tokenizers beside their references, one thread: a row of a Markdown table for each kind.

    python bench/tokenizer_kinds.py build/release/bench/skald_worker text.txt tests/data/tokenizers/qwen2 ...

The first 10 MB of the text are encoded line by line by Skald and by `tokenizers`, or by SentencePiece where the folder
has a `.model`, in turns; the best of each counts. Needs tokenizers and sentencepiece (`pip install`).
"""

import io
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BYTES = 10_000_000
TURNS = 2


class Skald:
    def __init__(self, worker):
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen([worker, "tokenizers"], **pipes)
        self.process.stdout.readline()

    def seconds(self, folder, file):
        self.process.stdin.write(f"encode {folder} {file} lines\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        if "not_run" in answer:
            raise SystemExit(f"{folder}: {answer['not_run']}")
        return answer["seconds"]


def reference(folder):
    """(its name, what encodes a line)."""
    if (folder / "tokenizer.json").exists():
        import tokenizers

        tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return "tokenizers", tokenizer.encode
    import sentencepiece

    [model] = [*folder.glob("*.model")]
    return "SentencePiece", sentencepiece.SentencePieceProcessor(model_file=str(model)).encode


def seconds_of(encode, lines):
    start = time.perf_counter()
    for line in lines:
        encode(line)
    return time.perf_counter() - start


def main(worker, text, *folders):
    text = Path(text).read_bytes()[:BYTES].decode("utf-8", errors="ignore")
    lines, size = list(io.StringIO(text, newline="\n")), len(text.encode())
    skald = Skald(worker)
    print("| kind | Skald, MB/s | reference, MB/s | of | times |\n|---|---:|---:|---|---:|")
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "text.txt"
        file.write_text(text, encoding="utf-8", newline="")
        for folder in map(Path, folders):
            name, encode = reference(folder)
            turns = [(skald.seconds(folder.resolve(), file), seconds_of(encode, lines)) for _ in range(TURNS)]
            ours, theirs = (size / 1e6 / min(turn[side] for turn in turns) for side in (0, 1))
            print(f"| {folder.name} | {ours:.1f} | {theirs:.2f} | {name} | {ours / theirs:.1f} x |", flush=True)


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
