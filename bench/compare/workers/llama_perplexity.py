#!/usr/bin/env python3
"""llama_perplexity.py SOURCE LIBRARIES MODEL THREADS IDS WINDOW OVERLAP: what llama.cpp thinks of the token ids in the
file IDS, a JSON array, in the windows of `skald eval --window --overlap`. Prints the perplexity."""

import json
import math
import sys

import numpy
from llama_binding import Sequences, load_model

path, threads, ids_file, window, overlap = sys.argv[3:]


def windows(ids, window, overlap):
    """(ids of a window, how many of them are scored: the last ones)."""
    first, scored_to = 0, 1
    while scored_to < len(ids):
        end = min(len(ids), first + window)
        yield ids[first:end], end - scored_to
        scored_to, first = end, end - overlap


def log_probabilities(logits, ids):
    """Of ids [n] by logits [n, vocabulary]."""
    wide = logits.astype(numpy.float64)
    wide -= wide.max(axis=1, keepdims=True)
    return wide[numpy.arange(len(ids)), ids] - numpy.log(numpy.exp(wide).sum(axis=1))


with open(ids_file, encoding="ascii") as file:
    all_ids = json.load(file)
model, vocabulary = load_model(path)
sequences = Sequences(model, 1, int(window), vocabulary, int(threads))
total, count = 0.0, 0
for ids, scored in windows(all_ids, int(window), int(overlap)):
    sequences.clear()
    sequences.put([(token, i, 0, True) for i, token in enumerate(ids)])
    logits = sequences.logits(len(ids))
    total += log_probabilities(logits[-scored - 1 : -1], ids[-scored:]).sum()
    count += scored
print(math.exp(-total / count))
