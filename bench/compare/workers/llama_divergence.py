#!/usr/bin/env python3
"""llama_divergence.py SOURCE LIBRARIES MODEL THREADS COMPLETIONS: how far llama.cpp's logits are from those in the file
COMPLETIONS, of JSON lines {"prompt": ids, "ids": ids, "logits": of each of the latter}. Prints a JSON object."""

import json
import sys

import numpy
from llama_binding import Sequences, load_model

path, threads, completions = sys.argv[3:]


def log_softmax(logits):
    wide = logits.astype(numpy.float64)
    wide -= wide.max(axis=1, keepdims=True)
    return wide - numpy.log(numpy.exp(wide).sum(axis=1, keepdims=True))


def compare(sequences, case):
    """Of every step: the divergence of what llama.cpp expects from what is in the file, and whether the best is the
    same."""
    ids = case["prompt"] + case["ids"][:-1]
    sequences.clear()
    sequences.put([(token, i, 0, True) for i, token in enumerate(ids)])
    theirs = log_softmax(sequences.logits(len(ids))[len(case["prompt"]) - 1 :])
    ours = log_softmax(numpy.array(case["logits"]))
    return (numpy.exp(theirs) * (theirs - ours)).sum(axis=1), theirs.argmax(axis=1) == ours.argmax(axis=1)


model, vocabulary = load_model(path)
sequences = Sequences(model, 1, 1024, vocabulary, int(threads))
with open(completions, encoding="ascii") as file:
    found = [compare(sequences, json.loads(line)) for line in file]
divergence, same = (numpy.concatenate(parts) for parts in zip(*found, strict=True))
print(
    json.dumps(
        {"mean": divergence.mean(), "largest": divergence.max(), "same_best": same.mean(), "steps": len(divergence)}
    )
)
